"""A graph, and the states of its tasks if it has run, as a picture.

```
graph, states ─▶ Picture (boxes and arrows) ──┬─▶ graphviz: pdf, png, svg …
                                              └─▶ mermaid: text
```

A mapped task that has run is drawn once for each child; a wide one as one box that counts them.
"""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from prefect.engine.state import Mapped, Pending, State

if TYPE_CHECKING:
    from prefect.core.edge import Edge
    from prefect.core.graph import Graph
    from prefect.core.task import Task

MOST_CHILDREN = 50  # a map with more of them is one box
HALF_CLEAR = "80"  # behind a colour `#rrggbb`
WORDS_OF_MERMAID = frozenset(
    ("call", "class", "classDef", "click", "default", "end", "flowchart", "graph", "href", "style", "subgraph")
)
SPECIAL_IN_MERMAID = {ord(sign): f"#{ord(sign)};" for sign in '#"<>&`\n'}


class Box(NamedTuple):
    """A task or a child of one; `full_name` tells children apart."""

    id: str
    label: str
    full_name: str
    mapped: bool
    state: State | None


class Arrow(NamedTuple):
    """From one box to another."""

    start: str
    end: str
    key: str | None
    mapped: bool


class Picture(NamedTuple):
    """What is drawn, in the order in which it was added to the graph."""

    boxes: list[Box]
    arrows: list[Arrow]
    horizontal: bool


def draw(
    graph: Graph,
    flow_state: State | None = None,
    filename: str | os.PathLike[str] | None = None,
    format: str | None = None,
    horizontal: bool = False,
) -> Any:
    """Draw a graph.

    Args:
        graph: the graph.
        flow_state: the state of a run, to colour the tasks by their states.
        filename: where to write the picture; by default it is shown, if there is something to show it on.
        format: of the picture: `pdf` by default, `png`, `svg` …; `mermaid` returns text that needs no extra.
        horizontal: draw from left to right.

    Returns:
        A graphviz `Digraph`, or the mermaid text.

    Raises:
        ImportError: graphviz is not installed.
    """
    picture = picture_of(graph, states_in(flow_state), horizontal)
    if format == "mermaid":
        return write_text(mermaid(picture), filename)
    digraph = digraph_of(picture)
    if filename is not None:
        write(digraph, Path(filename), format)
    elif not in_notebook() and has_display():  # a notebook shows the value of a cell by itself
        show(digraph, format)
    return digraph


def states_in(flow_state: State | None) -> Mapping[Task, State]:
    states = None if flow_state is None else flow_state.result
    return states if isinstance(states, Mapping) else {}


# --- what to draw -----------------------------------------------------------------------------------------------------


def picture_of(graph: Graph, states: Mapping[Task, State], horizontal: bool = False) -> Picture:
    """The boxes and arrows of a graph."""
    taken = set(WORDS_OF_MERMAID)
    boxes = {task: boxes_of(graph, task, states.get(task), taken) for task in graph.tasks}
    arrows = [arrow for edge in graph.edges for arrow in arrows_of(edge, boxes)]
    return Picture(boxes=[box for group in boxes.values() for box in group], arrows=arrows, horizontal=horizontal)


def boxes_of(graph: Graph, task: Task, state: State | None, taken: set[str]) -> list[Box]:
    """One box; or one for each child of a mapped task that has run."""
    mapped = any(edge.mapped for edge in graph.incoming(task))
    label = f"{task.name} <map>" if mapped else task.name
    slug = graph.slugs[task]
    children = [child or Pending() for child in state.map_states] if isinstance(state, Mapped) else []
    if not children:
        return [Box(id=identifier(slug, taken), label=label, full_name=label, mapped=mapped, state=state)]
    if len(children) > MOST_CHILDREN:
        label = f"{task.name} [{count(children)}]"
        shown = most_telling(children)
        return [Box(id=identifier(slug, taken), label=label, full_name=label, mapped=True, state=shown)]
    return [
        Box(
            id=identifier(f"{slug}_{index}", taken),
            label=label,
            full_name=f"{task.name}[{index}]",
            mapped=True,
            state=child,
        )
        for index, child in enumerate(children)
    ]


def identifier(slug: str, taken: set[str]) -> str:
    """A name for a box that both kinds of picture accept without quotes."""
    name = re.sub(r"\W", "_", slug)
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def count(children: list[State]) -> str:
    """`10000 children: 9990 Success, 10 Failed`"""
    kinds = Counter(type(child).__name__ for child in children)
    return f"{len(children)} children: {', '.join(f'{number} {kind}' for kind, number in kinds.most_common())}"


def most_telling(children: list[State]) -> State:
    """A child that failed, or else one of the kind that there are most of."""
    failed = (child for child in children if child.is_failed())
    [(kind, _)] = Counter(map(type, children)).most_common(1)
    return next(failed, None) or next(child for child in children if type(child) is kind)


def arrows_of(edge: Edge, boxes: Mapping[Task, list[Box]]) -> Iterator[Arrow]:
    """From each box to each; but child n of a map over a map hangs on child n alone."""
    starts, ends = boxes[edge.upstream_task], boxes[edge.downstream_task]
    in_lanes = edge.mapped and not edge.flattened and len(starts) == len(ends)
    pairs: Iterable[tuple[Box, Box]] = zip(starts, ends, strict=True) if in_lanes else product(starts, ends)
    for start, end in pairs:
        yield Arrow(start=start.id, end=end.id, key=edge.key, mapped=edge.mapped)


# --- graphviz ---------------------------------------------------------------------------------------------------------


def graphviz_library() -> Any:
    try:
        import graphviz
    except ImportError as error:
        raise ImportError(
            "Pictures are drawn with graphviz, which is not installed: "
            'pip install "prefect-core[viz]", or take text with format="mermaid".'
        ) from error
    return graphviz


def digraph_of(picture: Picture) -> Any:
    """The picture as a graphviz `Digraph`."""
    graphviz = graphviz_library()
    digraph = graphviz.Digraph(graph_attr={"rankdir": "LR"} if picture.horizontal else None)
    for box in picture.boxes:
        digraph.node(box.id, graphviz.escape(box.label), **style(box))
    for arrow in picture.arrows:
        label = None if arrow.key is None else graphviz.escape(arrow.key)
        digraph.edge(arrow.start, arrow.end, label=label, style="dashed" if arrow.mapped else None)
    return digraph


def style(box: Box) -> dict[str, str]:
    shape = "box" if box.mapped else "ellipse"
    if box.state is None:
        return {"shape": shape}
    tip = f"{box.full_name}: {type(box.state).__name__}".replace("\\", "\\\\")
    return {"shape": shape, "style": "filled", "color": box.state.color + HALF_CLEAR, "tooltip": tip}


def write(digraph: Any, path: Path, format: str | None) -> None:
    """Write the picture to `<path>.<format>`; the end of the path may tell the format."""
    ending = path.suffix[1:].lower()
    format = format or (ending if ending in graphviz_library().FORMATS else "pdf")
    path = path if ending == format else path.with_name(f"{path.name}.{format}")
    path.write_bytes(digraph.pipe(format=format))


def show(digraph: Any, format: str | None) -> None:
    """Open the picture in the program that people here look at pictures with."""
    from tempfile import mkdtemp  # here, because it takes a while and most flows are never drawn

    digraph.view(directory=mkdtemp(), format=format or "pdf")


def in_notebook() -> bool:
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")


def notebook_pictures(graph: Graph) -> dict[str, str]:
    """A graph in the forms that notebooks show: as text that they draw themselves, and drawn if graphviz is there."""
    picture = picture_of(graph, {})
    forms = {"text/plain": repr(graph), "text/vnd.mermaid": str(mermaid(picture))}
    with suppress(ImportError, OSError, RuntimeError):  # without the library, or without its program `dot`
        forms["image/svg+xml"] = digraph_of(picture).pipe(format="svg").decode()
    return forms


def has_display() -> bool:
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


# --- mermaid ----------------------------------------------------------------------------------------------------------


class Mermaid(str):
    """The text of a mermaid flowchart, which notebooks draw."""

    def _repr_markdown_(self) -> str:
        return f"```mermaid\n{self}```\n"


def mermaid(picture: Picture) -> Mermaid:
    """The picture as the text of a mermaid flowchart."""
    lines = [f"flowchart {'LR' if picture.horizontal else 'TD'}"]
    lines += [f"    {box.id}{shaped(box)}" for box in picture.boxes]
    lines += [f"    {arrow.start} {line(arrow)} {arrow.end}" for arrow in picture.arrows]
    lines += [f"    {rule}" for rule in colours(picture.boxes)]
    return Mermaid("\n".join(lines) + "\n")


def shaped(box: Box) -> str:
    text = box.full_name.translate(SPECIAL_IN_MERMAID)
    return f'["{text}"]' if box.mapped else f'(["{text}"])'


def line(arrow: Arrow) -> str:
    stroke = "-.->" if arrow.mapped else "-->"
    return stroke if arrow.key is None else f'{stroke}|"{arrow.key}"|'


def colours(boxes: list[Box]) -> Iterator[str]:
    """A class for each kind of state, and the boxes in it."""
    kinds: dict[type[State], list[str]] = {}
    for box in boxes:
        if box.state is not None:
            kinds.setdefault(type(box.state), []).append(box.id)
    for kind, ids in kinds.items():
        yield f"classDef {kind.__name__} fill:{kind.color}{HALF_CLEAR}"
        yield f"class {','.join(ids)} {kind.__name__}"


def write_text(text: Mermaid, filename: str | os.PathLike[str] | None) -> Mermaid:
    if filename is not None:
        path = Path(filename)
        (path if path.suffix else path.with_name(f"{path.name}.mmd")).write_text(text, encoding="utf-8")
    return text
