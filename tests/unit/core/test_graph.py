"""Graph: building, asking, changing and ordering tasks and edges."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect import Edge, Flow, Parameter, Task, task
from prefect.core.graph import Graph
from prefect.exceptions import ArgumentError, CycleError, GraphError, GraphTypeError, ParameterError, TaskSettingError
from prefect.tasks.core.constants import Constant
from prefect.utilities.configuration import set_temporary_config


@task
def add(x, y=0):
    return x + y


def graph_of(*names):
    tasks = [Task(name) for name in names]
    return Graph("g", tasks=tasks), *tasks


def links(graph):
    return [(edge.upstream_task.name, edge.downstream_task.name) for edge in graph.edges]


# What is in it


@pytest.mark.parametrize("name", ["", None, 5])
def test_a_flow_needs_a_name(name):
    with pytest.raises(TaskSettingError, match=r"A flow needs a name.*Flow\('my flow'\)"):
        Flow(name)


def test_tasks_and_edges_can_be_given_at_once():
    a, b = Task("a"), Task("b")

    graph = Graph("g", tasks=[b], edges=[Edge(a, b)])

    assert [*graph.tasks] == [b, a]
    assert links(graph) == [("a", "b")]


def test_a_graph_answers_who_is_where():
    """
    a ─▶ b ─▶ d
    └──▶ c ───▲
    """
    graph, a, b, c, d = graph_of("a", "b", "c", "d")
    for up, down in [(a, b), (a, c), (b, d), (c, d)]:
        graph.add_edge(up, down)

    assert graph.root_tasks() == {a}
    assert graph.terminal_tasks() == {d}
    assert graph.upstream_tasks(d) == {b, c}
    assert graph.downstream_tasks(a) == {b, c}
    assert graph.edges_to(b) == graph.all_upstream_edges()[b] == {Edge(a, b)}
    assert graph.edges_from(b) == graph.all_downstream_edges()[b] == {Edge(b, d)}
    assert graph.sorted_tasks(root_tasks=[b]) == (b, d)
    assert [*graph] == [a, b, c, d]


@pytest.mark.parametrize("question", ["edges_to", "edges_from", "upstream_tasks", "downstream_tasks"])
def test_a_task_of_another_flow_is_refused(question):
    with pytest.raises(GraphError, match=r"<Task: other> is not a task of <Graph: name=\"g\">"):
        getattr(Graph("g"), question)(Task("other"))


def test_tasks_are_found_by_name_slug_tags_and_type():
    a, b, p = Task("a", tags=["x", "y"]), Task("a", slug="s"), Parameter("p", tags=["x"])
    graph = Graph("g", tasks=[a, b, p])

    assert graph.get_tasks() == [a, b, p]
    assert graph.get_tasks(name="a") == [a, b]
    assert graph.get_tasks(slug="s") == [b]
    assert graph.get_tasks(slug="a-x-y-1") == [a]
    assert graph.get_tasks(tags=["x"]) == [a, p]
    assert graph.get_tasks(tags=["x", "y"]) == [a]
    assert graph.get_tasks(task_type=Parameter) == [p]
    assert graph.get_tasks(name="a", tags=["x"], task_type=Parameter) == []


def test_parameters_come_in_the_order_they_were_added():
    parameters = [Parameter(name) for name in "zyxabc"]

    assert [*Graph("g", tasks=parameters).parameters()] == parameters


def test_reference_tasks_are_the_last_ones_until_they_are_set():
    """a ─▶ b"""
    graph, a, b = graph_of("a", "b")
    graph.add_edge(a, b)
    assert graph.reference_tasks() == {b}

    graph.set_reference_tasks([a])
    assert graph.reference_tasks() == {a}
    graph.set_reference_tasks([])
    assert graph.reference_tasks() == {b}

    with pytest.raises(GraphError, match="<Task: other> is not a task of .*be a reference task"):
        graph.set_reference_tasks([a, Task("other")])
    assert graph.reference_tasks() == {b}


# Slugs


def test_slugs_count_from_one_for_each_name_and_tags():
    made = [
        Task("a"),
        Task("a"),
        Task("b"),
        Task("a", tags=["y", "x"]),
        Task("a", tags=["x", "y"]),
        Task("a", slug="s"),
    ]

    graph = Graph("g", tasks=made)

    assert [*graph.slugs.values()] == ["a-1", "a-2", "b-1", "a-x-y-1", "a-x-y-2", "s"]


def test_slugs_pass_over_those_that_are_taken():
    graph = Graph("g", tasks=[Task("other", slug="a-1"), Task("a")])

    assert [*graph.slugs.values()] == ["a-1", "a-2"]


def test_a_slug_twice_is_refused():
    with pytest.raises(GraphError, match=r"already has a task with the slug 's'. Give <Task: two> another"):
        Graph("g", tasks=[Task("one", slug="s"), Task("two", slug="s")])


def test_a_later_new_name_leaves_the_slug():
    graph, a = graph_of("a")
    a.name = "b"

    assert graph.slugs[a] == "a-1"


@given(st.lists(st.tuples(st.sampled_from(["a", "a-1", "a-b"]), st.sets(st.sampled_from("12b")), st.booleans())))
def test_slugs_are_unique_whatever_the_names_and_tags(described):
    graph = Graph("g")
    for number, (name, tags, own) in enumerate(described):
        graph.add_task(Task(name, tags=tags, slug=f"a-{number}-own" if own else None))

    assert len(set(graph.slugs.values())) == len(described)


# Building


@pytest.mark.parametrize("wrong", [5, [1], "task", None, Task])
def test_only_tasks_can_be_added(wrong):
    with pytest.raises(GraphTypeError, match="Only tasks can be added to a flow.*as_task"):
        Graph("g").add_task(wrong)


def test_adding_a_task_again_changes_nothing():
    graph, a, b = graph_of("a", "b")
    graph.add_edge(a, b)

    assert graph.add_task(a) is a
    assert links(graph) == [("a", "b")]
    assert len(graph.tasks) == 2


def test_adding_an_edge_again_changes_nothing():
    graph, a, b = graph_of("a", "b")

    assert graph.add_edge(a, b) == graph.add_edge(a, b)
    assert len(graph.edges_to(b)) == len(graph.edges) == 1


def test_an_edge_adds_its_tasks():
    graph, a, b = Graph("g"), Task("a"), add.copy()

    edge = graph.add_edge(a, b, key="x")

    assert edge == Edge(a, b, key="x")
    assert graph.tasks == {a, b}


def test_a_value_under_a_key_is_kept_as_a_constant():
    graph, b = Graph("g"), add.copy()

    edge = graph.add_edge(5, b, key="x")

    assert (edge.upstream_task.value, edge.key) == (5, "x")
    assert graph.constants == {b: {"x": 5}}
    assert not graph.edges


@pytest.mark.parametrize("how", [{"mapped": True}, {"flattened": True}, {"mapped": True, "flattened": True}], ids=str)
def test_a_value_to_map_over_or_flatten_stays_a_task(how):
    graph, b = Graph("g"), add.copy()

    edge = graph.add_edge("abc", b, key="x", **how)

    assert isinstance(edge.upstream_task, Constant)
    assert [*graph.edges] == [edge]


def test_an_explicit_constant_stays_a_task():
    graph, b = Graph("g"), add.copy()
    constant = Constant(5)

    graph.add_edge(constant, b, key="x")

    assert graph.tasks == {constant, b}
    assert not graph.constants


def test_a_key_that_run_does_not_take_is_refused():
    graph = Graph("g")
    for value in (Task("a"), 5, [5]):
        with pytest.raises(
            ArgumentError, match=r"<Task: add> does not take the argument 'z': its run takes \(x, y=0\)"
        ):
            graph.add_edge(value, add.copy(), key="z")


def test_a_key_cannot_be_fed_twice():
    graph, a, b = Graph("g"), Task("a"), add.copy()
    graph.add_edge(a, b, key="x")
    graph.add_edge(1, b, key="y")

    with pytest.raises(GraphError, match="already takes its argument 'x' from <Task: a>"):
        graph.add_edge(Task("c"), b, key="x")
    with pytest.raises(GraphError, match="already takes its argument 'x' from <Task: a>"):
        graph.add_edge(5, b, key="x")
    with pytest.raises(GraphError, match="already takes its argument 'y' from 1"):
        graph.add_edge(a, b, key="y")


def test_a_chain_joins_one_to_the_next():
    graph, a, b, c = graph_of("a", "b", "c")

    edges = graph.chain(a, b, c)

    assert edges == [Edge(a, b), Edge(b, c)]
    assert graph.chain() == graph.chain(a) == []


def test_dependencies_are_added_upstream_first_then_downstream_then_keywords():
    """a ─▶ add ─▶ c,  k ─▶ x of add"""
    graph, target = Graph("g"), add.copy()

    graph.set_dependencies(target, [Task("a")], [Task("c")], {"x": Task("k"), "y": 1})

    assert [each.name for each in graph.tasks] == ["add", "a", "c", "k"]
    assert links(graph) == [("a", "add"), ("add", "c"), ("k", "add")]


def test_mapped_dependencies_do_not_map_what_is_downstream():
    graph, target = Graph("g"), add.copy()

    graph.set_dependencies(target, [Task("a")], [Task("c")], {"x": [1]}, mapped=True)

    assert {edge.upstream_task.name: edge.mapped for edge in graph.edges} == {"a": True, "add": False, "List": True}


# Order


def test_ties_are_broken_by_the_order_of_insertion():
    graph, *tasks = graph_of(*"edcba")

    assert graph.sorted_tasks() == tuple(tasks)


def cyclic():
    """free ─▶ a ─▶ b ─▶ c ─▶ a,  c ─▶ after"""
    graph, free, a, b, c, after = graph_of("free", "a", "b", "c", "after")
    graph.chain(free, a, b, c, a)
    graph.add_edge(c, after)
    return graph


@pytest.mark.parametrize("use", [Graph.sorted_tasks, Graph.validate, list])
def test_a_cycle_is_named(use):
    with pytest.raises(CycleError, match="cycle: (a → b → c → a|b → c → a → b|c → a → b → c). Remove one"):
        use(cyclic())


def test_a_cyclic_flow_does_not_run():
    flow, a, b = Flow("f"), Task("a"), Task("b")
    flow.chain(a, b, a)

    with pytest.raises(ValueError, match="a → b → a|b → a → b"):
        flow.run()


def test_cycles_are_looked_for_at_once_if_asked_or_configured():
    graph, a, b = graph_of("a", "b")
    graph.add_edge(a, b)
    with pytest.raises(CycleError):
        graph.copy().add_edge(b, a, validate=True)
    with set_temporary_config({"flows.eager_edge_validation": True}), pytest.raises(CycleError):
        graph.copy().set_dependencies(a, upstream_tasks=[b])
    with pytest.raises(CycleError):
        Flow("f", edges=[Edge(a, b), Edge(b, a)], validate=True)


@st.composite
def dags(draw):
    """A graph without cycles, whose tasks were added in any order."""
    count = draw(st.integers(0, 12))
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)) if count else st.nothing()
    joined = draw(st.lists(pairs, max_size=30)) if count else []
    order = draw(st.permutations(range(count)))
    tasks = [Task(f"t{draw(st.integers(0, 3))}") for _ in range(count)]
    graph = Graph("g", tasks=[tasks[n] for n in order])
    for up, down in joined:
        if up < down:
            graph.add_edge(tasks[up], tasks[down])
    for n in range(count):
        if draw(st.booleans()):
            graph.set_constant(tasks[n], "x", n)
    return graph


@given(dags())
def test_every_task_comes_after_all_it_depends_on(graph):
    order = graph.sorted_tasks()
    place = {task: number for number, task in enumerate(order)}

    assert len(order) == len(graph.tasks)
    assert place.keys() == set(graph.tasks)
    assert all(place[edge.upstream_task] < place[edge.downstream_task] for edge in graph.edges)


@given(dags())
def test_the_first_added_of_the_tasks_that_could_be_next_is_next(graph):
    done: list[Task] = []
    for chosen in graph.sorted_tasks():
        ready = [each for each in graph.tasks if each not in done and graph.upstream_tasks(each) <= set(done)]
        assert chosen is ready[0]
        done.append(chosen)


@given(dags(), st.randoms(use_true_random=False))
def test_the_order_does_not_depend_on_the_order_of_edges(graph, chance: random.Random):
    edges = [*graph.edges]
    chance.shuffle(edges)

    assert Graph("g", tasks=graph.tasks, edges=edges).sorted_tasks() == graph.sorted_tasks()


@given(dags(), st.data())
def test_root_tasks_limit_the_order_to_their_descendants(graph, data):
    roots = data.draw(st.sets(st.sampled_from([*graph.tasks]))) if graph.tasks else set()
    reached = set(roots)
    while more := {down for each in reached for down in graph.downstream_tasks(each)} - reached:
        reached |= more

    assert graph.sorted_tasks(roots) == tuple(each for each in graph.sorted_tasks() if each in reached)


# Changing


@given(dags())
def test_a_copy_is_equal_and_goes_its_own_way(graph):
    copy = graph.copy()
    assert copy == graph
    assert [*copy.tasks] == [*graph.tasks]
    assert (copy.slugs, copy.constants) == (graph.slugs, graph.constants)

    last = Task("t0")
    copy.set_dependencies(last, upstream_tasks=graph.tasks)
    for constants in copy.constants.values():
        constants["x"] = "changed"

    assert last not in graph.tasks
    assert not any(edge.downstream_task is last for edge in graph.edges)
    assert "changed" not in [values["x"] for values in graph.constants.values()]
    assert len(set(copy.slugs.values())) == len(copy.tasks)


class TakesX(Task):
    def run(self, x=None):
        return x


@given(dags(), st.data())
def test_a_substitute_takes_over_edges_constants_and_reference(graph, data):
    if not graph.tasks:
        return
    old, new = data.draw(st.sampled_from([*graph.tasks])), TakesX("new")
    ups, downs, constants = graph.upstream_tasks(old), graph.downstream_tasks(old), graph.constants.get(old)
    count, others = len(graph.edges), {task: v for task, v in graph.constants.items() if task is not old}
    graph.set_reference_tasks([old])

    graph.replace(old, new)

    assert (graph.upstream_tasks(new), graph.downstream_tasks(new)) == (ups, downs)
    assert graph.constants == others | ({new: constants} if constants else {})
    assert (len(graph.edges), graph.reference_tasks()) == (count, {new})
    assert old not in graph.tasks
    assert len(set(graph.slugs.values())) == len(graph.tasks)


@given(dags(), dags())
def test_an_update_adds_all_of_the_other(one, two):
    whole = one.copy()

    whole.update(two)

    assert [*whole.tasks] == [*one.tasks, *two.tasks]
    assert [*whole.edges] == [*one.edges, *two.edges]
    assert whole.constants == one.constants | two.constants
    assert len(set(whole.slugs.values())) == len(whole.tasks)


def test_a_substitute_that_does_not_fit_changes_nothing():
    """a ─▶ x of add (y=1)"""
    graph, a, target = Graph("g"), Task("a"), add.copy()
    graph.set_dependencies(target, keyword_tasks={"x": a, "y": 1})
    before = graph.copy()

    with pytest.raises(ArgumentError, match="<Task: bare> does not take the argument 'x'"):
        graph.replace(target, Task("bare"))
    with pytest.raises(GraphError, match="<Parameter: p> cannot run after"):
        graph.replace(target, Parameter("p"))
    with pytest.raises(GraphError, match="<Task: other> is not a task of .*be replaced"):
        graph.replace(Task("other"), a)

    assert {*before.edges} == {*graph.edges}
    assert before.constants == graph.constants
    assert target in graph.tasks


def test_a_value_can_take_the_place_of_a_task(value):
    flow = Flow("f")
    source, target = Task("a"), add.copy()
    flow.set_dependencies(target, keyword_tasks={"x": source})

    flow.replace(source, 5)

    assert value(flow, target) == 5


def test_parameters_of_the_same_name_are_merged_only_if_asked(value):
    """x ─▶ add    and    x ─▶ add"""
    flows, adds = [], []
    for default in (1, 2):
        with Flow("f") as flow:
            adds.append(add(Parameter("x", default=default)))
        flows.append(flow)
    one, two = flows

    with pytest.raises(ParameterError, match="already has a task called 'x'"):
        one.copy().update(two)
    one.update(two, merge_parameters=True)

    assert len(one.parameters()) == 1
    state = one.run()
    assert [state.result[each].result for each in adds] == [2, 2]


def test_reference_tasks_are_merged_only_if_asked():
    one, a = graph_of("a")
    two, b, c = graph_of("b", "c")
    two.add_edge(b, c)
    two.set_reference_tasks([b])
    one.set_reference_tasks([a])

    kept, merged = one.copy(), one.copy()
    kept.update(two)
    merged.update(two, merge_reference_tasks=True)

    assert (kept.reference_tasks(), merged.reference_tasks()) == ({a}, {a, b})


def test_graphs_are_equal_if_all_but_the_slugs_is():
    a, b = TakesX("a"), TakesX("b")

    def built(name="g", x=1, joined=True, reference=None):
        graph = Graph(name, tasks=[a, b], edges=[Edge(a, b)] if joined else [])
        graph.set_constant(a, "x", x)
        graph.set_reference_tasks(reference or [])
        return graph

    assert built() == built()
    assert built() != built(name="h")
    assert built() != built(x=2)
    assert built() != built(joined=False)
    assert built() != built(reference=[a])
    assert built() != Flow("g")
    with pytest.raises(TypeError, match="unhashable"):
        hash(built())
