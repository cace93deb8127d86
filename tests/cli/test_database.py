"""`wirephoto db upgrade` makes or updates the schema, as often as one likes."""


def test_the_schema_is_brought_up_to_date(run, tmp_path):
    """Deployments run it before the new processes start, again and again."""
    first = run("db", "upgrade")
    again = run("db", "upgrade")

    assert (first.code, again.code) == (0, 0)
    assert first.out == again.out
    assert first.out.startswith("The schema is at revision 0")
    assert (tmp_path / "data" / "wirephoto.db").exists()


def test_the_database_may_lie_in_a_folder_with_spaces(run, tmp_path):
    """Home folders have them."""
    said = run("db", "upgrade", DATABASE_URL=f"sqlite:///{tmp_path}/my data/wire photo.db")

    assert said.code == 0, said.err
    assert (tmp_path / "my data" / "wire photo.db").exists()
