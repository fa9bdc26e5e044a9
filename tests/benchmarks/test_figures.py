from tests.benchmarks.figures import (
    Figure,
    Report,
    Spread,
    put,
    ratio,
    section,
    sections_of,
    sentence_of_head,
    table,
)

HEAD = "# Benchmarks\n\nA sentence."
ORDER = ("requests", "memory")


def page_with(name: str, text: str, page: str = HEAD) -> str:
    return put(page, name, text, ORDER, head=HEAD)


def test_a_spread_is_median_least_and_most() -> None:
    spread = Spread.of([3.0, 1.0, 2.0, 10.0, 2.0])
    assert (spread.median, spread.least, spread.most) == (2.0, 1.0, 10.0)
    assert spread.shown(" ms") == "2.0 ms (1.0 to 10.0)"


def test_what_never_differed_is_shown_without_a_spread() -> None:
    assert Spread.of([400, 400]).shown(digits=0) == "400"


def test_ratios_have_the_digits_they_are_worth() -> None:
    assert [ratio(1, 44), ratio(120, 97), ratio(8102, 120), ratio(1, 0)] == ["0.023", "1.24", "68", ""]


def test_a_bar_is_met_or_missed_or_not_there() -> None:
    figures = [Figure("a", "1", is_met=True), Figure("b", "2", is_met=False), Figure("c", "3")]
    assert [figure.cells[-1] for figure in figures] == ["yes", "NO", ""]


def test_the_table_is_aligned() -> None:
    lines = table([Figure("a long name", "1"), Figure("b", "2,000 requests")]).splitlines()
    assert len(lines) == 4
    assert len({len(line) for line in lines}) == 1


def test_a_section_holds_the_table_and_what_explains_it() -> None:
    report = Report()
    report.add("idle day", "1", "naive 44", "0.023", "1", met=True)
    report.note("As measured.")
    text = section("Requests", report)
    assert text.startswith("## Requests\n\n| what")
    assert text.endswith("\n\nAs measured.")


def test_a_part_replaces_its_own_section_only() -> None:
    page = page_with("requests", "## Requests\n\none")
    page = page_with("memory", "## Memory\n\ntwo", page)
    page = page_with("requests", "## Requests\n\nthree", page)
    assert sections_of(page) == {"requests": "## Requests\n\nthree", "memory": "## Memory\n\ntwo"}
    assert page.startswith(HEAD + "\n\n<!-- ")


def test_sections_stand_in_their_order_whenever_they_were_measured() -> None:
    page = page_with("requests", "## Requests", page_with("memory", "## Memory"))
    assert page.index("## Requests") < page.index("## Memory")


def test_the_sentence_on_the_whole_run_stands_below_the_head_and_is_found_again() -> None:
    page = put(HEAD, "memory", "## Memory", ORDER, head=f"{HEAD}\n\nIt took long.")
    assert sentence_of_head(page, HEAD) == "It took long."
    assert sentence_of_head(page_with("memory", "## Memory"), HEAD) == ""
    assert sentence_of_head(HEAD, HEAD) == ""


def test_writing_again_changes_nothing() -> None:
    page = page_with("memory", "## Memory\n\ntwo")
    assert page_with("memory", "## Memory\n\ntwo", page) == page
