"""The dashboard, the alerts and the page of the documentation speak of the metrics that exist."""

import json
import re
from pathlib import Path

import pytest
import yaml

from wirephoto.metrics import METRICS

ROOT = Path(__file__).resolve().parents[1]
DASHBOARD = json.loads((ROOT / "deploy/grafana/wirephoto.json").read_text())
[GROUP] = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())["groups"]
ALERTS = {rule["alert"]: rule for rule in GROUP["rules"]}
PANELS = {panel["title"]: panel for panel in DASHBOARD["panels"]}
EXPRESSIONS = {
    **{name: rule["expr"] for name, rule in ALERTS.items()},
    **{
        f"{title} {target['refId']}": target["expr"]
        for title, panel in PANELS.items()
        for target in panel["targets"]
    },
}
PROCESS = {"process_resident_memory_bytes", "process_start_time_seconds"}
LABELS = {each.name: frozenset(each.labels) for each in METRICS}
KNOWN = LABELS | {
    each.name + ending: LABELS[each.name] | ({"le"} if ending == "_bucket" else set())
    for each in METRICS
    if each.kind == "histogram"
    for ending in ("_bucket", "_sum", "_count")
}
SCRAPED = frozenset({"instance", "job"})
"""Labels that Prometheus itself gives to whatever it reads."""

_METRIC = re.compile(r"\b((?:wirephoto|process)_\w+)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"[^"]*"')
_GROUPING = re.compile(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)")
_RENAMED = re.compile(r'label_replace\(.*?,\s*"(\w+)",\s*"[^"]*",\s*"(\w+)"')
_SHOWN = re.compile(r"\$labels\.(\w+)|\{\{(\w+)\}\}")


def metrics_in(expression):
    return {match[1] for match in _METRIC.finditer(expression)}


def labels_of(expression):
    """Return the labels that the metrics of an expression have, those that it makes included."""
    found = set().union(*[KNOWN.get(name, frozenset()) for name in metrics_in(expression)])
    return found | SCRAPED | {match[1] for match in _RENAMED.finditer(expression)}


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_every_expression_names_metrics_and_labels_that_exist(expression):
    """An alert on a name that is gone never fires, and nobody notices."""
    assert metrics_in(expression)
    assert metrics_in(expression) <= KNOWN.keys() | PROCESS
    for match in _METRIC.finditer(expression):
        assert set(_MATCHER.findall(match[2] or "")) <= KNOWN.get(match[1], frozenset())
    for match in _GROUPING.finditer(expression):
        assert {name.strip() for name in match[1].split(",")} <= labels_of(expression)
    for match in _RENAMED.finditer(expression):
        assert match[2] in labels_of(expression)
    assert expression.count("(") == expression.count(")")
    assert "rate(" not in expression or re.search(r"\[[^\]]+\]", expression)


@pytest.mark.parametrize("rule", ALERTS.values(), ids=ALERTS)
def test_every_alert_says_what_is_wrong_and_what_to_do(rule):
    """At night, in one look; a label that the expression has not got shows as nothing."""
    said = rule["annotations"]

    assert rule["labels"]["severity"] in ("warning", "critical")
    assert said["summary"]
    assert said["action"].endswith(".")
    assert {name for name, _ in _SHOWN.findall(said["summary"])} - {""} <= labels_of(rule["expr"])


@pytest.mark.parametrize("panel", PANELS.values(), ids=PANELS)
def test_every_legend_names_labels_that_exist(panel):
    """A legend without them shows every line under the same name."""
    for target in panel["targets"]:
        shown = {name for _, name in _SHOWN.findall(target["legendFormat"])}
        assert shown <= labels_of(target["expr"])


def test_every_metric_is_on_the_dashboard():
    """What nobody looks at should not be counted."""
    shown = {
        re.sub(r"_(?:bucket|sum|count)$", "", name)
        for title, expression in EXPRESSIONS.items()
        if title not in ALERTS
        for name in metrics_in(expression)
    }

    assert LABELS.keys() - shown == set()


def test_panels_do_not_lie_upon_each_other():
    """Grafana would move them about."""
    places = [(each["gridPos"]["x"], each["gridPos"]["y"]) for each in DASHBOARD["panels"]]

    assert len(set(places)) == len({each["id"] for each in DASHBOARD["panels"]}) == len(places)


def test_the_table_of_metrics_is_what_the_page_has():
    """Name, type, labels and meaning: whoever writes an alert of their own starts here."""
    page = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    section = page.partition("\n## Metrics\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]

    assert rows == [
        f"| `{each.name}` | {each.kind} | "
        f"{', '.join(f'`{label}`' for label in each.labels) or '-'} | {each.meaning} |"
        for each in METRICS
    ]
