"""Pictures of flows."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from prefect import Flow, Parameter, Task, flatten, task
from prefect.core import visualize
from prefect.core.visualize import draw
from prefect.engine.state import Failed, Mapped, Pending, Skipped, Success
from prefect.tasks.core.constants import Constant

graphviz = pytest.importorskip("graphviz")
GREEN, RED = f'color="{Success.color}80"', f'color="{Failed.color}80"'


@pytest.fixture(autouse=True)
def _no_display(monkeypatch):
    monkeypatch.setattr(visualize, "has_display", lambda: False)


@task
def add(x, y=1):
    return x + y


@task
def divide(x):
    return 1 / x


def simple():
    """x ─▶ add ─▶ add"""
    with Flow("simple") as flow:
        add(add(Parameter("x"), 5), y=2)
    return flow


def mapped():
    """xs ─▶ divide.map ─▶ add.map ─▶ add"""
    with Flow("mapped") as flow:
        add(add.map(divide.map(Parameter("xs"))), [])
    return flow


def lines(picture):
    text = picture if isinstance(picture, str) else picture.source
    return [line.strip() for line in text.strip().splitlines()]


# Without states


def test_tasks_are_ellipses_and_values_travel_along_named_arrows():
    assert lines(simple().visualize()) == [
        "digraph {",
        "add_1 [label=add shape=ellipse]",
        "x [label=x shape=ellipse]",
        "add_2 [label=add shape=ellipse]",
        "x -> add_1 [label=x]",
        "add_1 -> add_2 [label=x]",
        "}",
    ]


def test_an_arrow_without_a_value_has_no_name():
    flow = Flow("f")
    flow.chain(Task("a"), Task("b"))

    assert "a_1 -> b_1" in lines(draw(flow))


def test_mapped_tasks_are_boxes_with_dashed_arrows():
    found = lines(draw(mapped()))

    assert 'divide_1 [label="divide <map>" shape=box]' in found
    assert "xs -> divide_1 [label=x style=dashed]" in found
    assert "divide_1 -> add_1 [label=x style=dashed]" in found
    assert "add_1 -> add_2 [label=x]" in found


def test_constants_that_were_folded_into_the_flow_are_not_drawn_but_constant_tasks_are():
    with Flow("f") as flow:
        add(1, Constant(5))

    assert [line for line in lines(draw(flow)) if "label" in line] == [
        "add_1 [label=add shape=ellipse]",
        'Constant_int__1 [label="Constant[int]" shape=ellipse]',
        "Constant_int__1 -> add_1 [label=y]",
    ]


def test_the_picture_may_lie_on_its_side():
    assert "rankdir=LR" in draw(simple(), horizontal=True).source
    assert "rankdir" not in draw(simple()).source
    assert draw(simple(), format="mermaid").startswith("flowchart TD\n")
    assert draw(simple(), format="mermaid", horizontal=True).startswith("flowchart LR\n")


def test_the_same_flow_gives_the_same_picture():
    assert draw(mapped()).source == draw(mapped()).source


def test_odd_names_are_drawn_as_they_are():
    odd = [Task("<lambda>"), Task('say "a:b"\\n'), Task("<b>")]
    flow = Flow("f", tasks=odd)
    flow.chain(*odd)

    assert lines(draw(flow)) == [
        "digraph {",
        '_lambda__1 [label="<lambda>" shape=ellipse]',
        'say__a_b__n_1 [label="say \\"a:b\\"\\\\n" shape=ellipse]',
        '_b__1 [label="<b>" shape=ellipse]',
        "_lambda__1 -> say__a_b__n_1",
        "say__a_b__n_1 -> _b__1",
        "}",
    ]
    assert lines(draw(flow, format="mermaid")) == [
        "flowchart TD",
        '_lambda__1(["#60;lambda#62;"])',
        'say__a_b__n_1(["say #34;a:b#34;\\n"])',
        '_b__1(["#60;b#62;"])',
        "_lambda__1 --> say__a_b__n_1",
        "say__a_b__n_1 --> _b__1",
    ]


def test_names_that_look_alike_stay_apart():
    flow = Flow("f")
    for slug in ("a b", "a-b", "a_b", "end"):
        flow.add_task(Task("same", slug=slug))

    assert [line.partition(" ")[0] for line in lines(draw(flow))[1:-1]] == ["a_b", "a_b_", "a_b__", "end_"]


# With states


def test_tasks_are_filled_with_the_colours_of_their_states():
    flow = mapped()
    state = flow.run(xs="text")

    found = lines(flow.visualize(state))

    assert f'xs [label=xs {GREEN} shape=ellipse style=filled tooltip="xs: Success"]' in found
    assert any("add_2" in line and "TriggerFailed" in line and "style=filled" in line for line in found)


def test_a_mapped_task_is_drawn_once_for_each_child():
    """
    xs ─▶ divide[0] ─▶ add[0] ─▶ add
    └───▶ divide[1] ─▶ add[1] ───┘
    """
    flow = mapped()
    state = flow.run(xs=[1, 0])

    found = lines(draw(flow, state))

    assert f'divide_1_0 [label="divide <map>" {GREEN} shape=box style=filled tooltip="divide[0]: Success"]' in found
    assert f'divide_1_1 [label="divide <map>" {RED} shape=box style=filled tooltip="divide[1]: Failed"]' in found
    arrows = {line.partition(" [")[0] for line in found if " -> " in line}
    assert arrows >= {
        "xs -> divide_1_0",
        "xs -> divide_1_1",
        "divide_1_0 -> add_1_0",
        "divide_1_1 -> add_1_1",
        "add_1_0 -> add_2",
        "add_1_1 -> add_2",
    }
    assert "divide_1_0 -> add_1_1" not in arrows


def test_flattened_children_are_joined_to_all():
    """[[1, 2], [3]] ─▶ same.map ─▶ flatten ─▶ add.map"""

    @task
    def same(x):
        return x

    with Flow("f") as flow:
        add.map(flatten(same.map(Parameter("xs"))))
    state = flow.run(xs=[[1, 2], [3]])

    arrows = [line.partition(" [")[0] for line in lines(draw(flow, state)) if " -> add" in line]

    assert arrows == [f"same_1_{start} -> add_1_{end}" for start in (0, 1) for end in (0, 1, 2)]


def test_a_wide_map_is_one_box_that_counts_its_children():
    flow = mapped()
    [wide] = flow.get_tasks(name="divide")
    children = [Success()] * 9990 + [Failed()] * 10

    found = lines(draw(flow, Success(result={wide: Mapped(map_states=children)})))

    [box] = [line for line in found if line.startswith("divide_1 [")]
    assert 'label="divide [10000 children: 9990 Success, 10 Failed]"' in box
    assert RED in box
    assert "shape=box" in box
    assert "xs -> divide_1 [label=x style=dashed]" in found


@pytest.mark.parametrize(("count", "boxes"), [(0, 1), (1, 1), (50, 50), (51, 1)])
def test_up_to_fifty_children_are_drawn_one_by_one(count, boxes):
    flow = mapped()
    [each] = flow.get_tasks(name="divide")

    found = lines(draw(flow, Success(result={each: Mapped(map_states=[Success()] * count)})))

    assert sum(line.startswith("divide_1") and "label=" in line and "->" not in line for line in found) == boxes


def test_a_wide_map_without_failures_has_the_colour_of_most_children():
    flow = mapped()
    [wide] = flow.get_tasks(name="divide")
    children = [None] * 10 + [Skipped()] * 60

    source = draw(flow, Success(result={wide: Mapped(map_states=children)})).source

    assert "70 children: 60 Skipped, 10 Pending" in source
    assert f"{Skipped.color}80" in source
    assert f"{Pending.color}80" not in source


@pytest.mark.parametrize("state", [Failed(result=ValueError("no tasks ran")), Success(), Success(result={})])
def test_a_run_that_knows_no_states_of_tasks_is_drawn_without_colours(state):
    assert draw(simple(), state).source == draw(simple()).source


# Mermaid


def test_mermaid_is_text_that_needs_no_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "graphviz", None)

    assert lines(mapped().visualize(format="mermaid"))[0] == "flowchart TD"
    found = lines(mapped().visualize(format="mermaid"))
    assert 'divide_1["divide #60;map#62;"]' in found
    assert 'xs(["xs"])' in found
    assert 'xs -.->|"x"| divide_1' in found
    assert 'add_1 -->|"x"| add_2' in found


def test_mermaid_colours_classes_of_states():
    flow = mapped()
    state = flow.run(xs=[1, 0])

    found = lines(draw(flow, state, format="mermaid"))

    assert 'divide_1_1["divide[1]"]' in found
    assert f"classDef Success fill:{Success.color}80" in found
    assert f"classDef Failed fill:{Failed.color}80" in found
    assert "class divide_1_1 Failed" in found


@pytest.mark.parametrize(("name", "written"), [("picture", "picture.mmd"), ("picture.md", "picture.md")])
def test_mermaid_is_written_to_a_file(tmp_path, name, written):
    text = draw(simple(), filename=tmp_path / name, format="mermaid")

    assert (tmp_path / written).read_text(encoding="utf-8") == text


# Files and screens


@pytest.fixture
def rendered(monkeypatch):
    """Stands in for the program that draws, and gives the formats it was asked for."""
    asked = []

    def pipe(self, format=None):
        asked.append(format)
        return self.source.encode()

    monkeypatch.setattr(graphviz.Digraph, "pipe", pipe)
    return asked


@pytest.mark.parametrize(
    ("name", "format", "written", "asked"),
    [
        ("picture", None, "picture.pdf", "pdf"),
        ("picture", "png", "picture.png", "png"),
        ("picture.svg", None, "picture.svg", "svg"),
        ("picture.svg", "svg", "picture.svg", "svg"),
        ("picture.svg", "png", "picture.svg.png", "png"),
        ("version-1.5", None, "version-1.5.pdf", "pdf"),
    ],
)
def test_a_picture_is_written_to_a_file(tmp_path, rendered, name, format, written, asked):
    digraph = simple().visualize(filename=str(tmp_path / name), format=format)

    assert [path.name for path in tmp_path.iterdir()] == [written]
    assert (tmp_path / written).read_text() == digraph.source
    assert rendered == [asked]


@pytest.fixture
def viewed(monkeypatch):
    """The directories in which pictures were opened."""
    opened = []
    monkeypatch.setattr(graphviz.Digraph, "view", lambda self, directory, format: opened.append((directory, format)))
    return opened


def test_a_picture_is_opened_if_there_is_a_display(monkeypatch, viewed):
    monkeypatch.setattr(visualize, "has_display", lambda: True)

    simple().visualize()

    [(directory, format)] = viewed
    assert format == "pdf"
    assert Path(directory).is_dir()


def test_a_picture_is_not_opened_without_a_display_in_a_notebook_or_when_it_is_written(
    monkeypatch, viewed, rendered, tmp_path
):
    simple().visualize()
    monkeypatch.setattr(visualize, "has_display", lambda: True)
    simple().visualize(filename=tmp_path / "picture")
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert isinstance(simple().visualize(), graphviz.Digraph)  # the notebook draws what a cell returns

    assert viewed == []


@pytest.mark.parametrize(
    ("platform", "env", "there"),
    [
        ("linux", {}, False),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "w"}, True),
        ("darwin", {}, True),
    ],
)
def test_what_counts_as_a_display(monkeypatch, platform, env, there):
    monkeypatch.undo()  # the stand-in for all tests
    monkeypatch.setattr(sys, "platform", platform)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)

    assert visualize.has_display() is there


def test_without_graphviz_the_error_tells_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "graphviz", None)

    with pytest.raises(ImportError) as raised:
        simple().visualize()
    assert 'pip install "prefect-core[viz]"' in str(raised.value)
    assert 'format="mermaid"' in str(raised.value)


def test_a_notebook_draws_a_flow_and_mermaid_text():
    forms = simple()._repr_mimebundle_()

    assert forms["text/plain"] == repr(simple())
    assert forms["text/vnd.mermaid"] == simple().visualize(format="mermaid")
    assert simple().visualize(format="mermaid")._repr_markdown_().startswith("```mermaid\nflowchart TD")
    if shutil.which("dot"):
        assert "<svg" in forms["image/svg+xml"]


def test_a_notebook_without_graphviz_gets_the_text(monkeypatch):
    monkeypatch.setitem(sys.modules, "graphviz", None)

    assert simple()._repr_mimebundle_().keys() == {"text/plain", "text/vnd.mermaid"}
