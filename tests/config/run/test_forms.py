from config.run.forms import read_forms

PAGE = """
<form action="/search"><input name="q" value="a &amp; b"></form>
<form method="POST" action="/consent/">
  <input type="hidden" name="csrfmiddlewaretoken" value="t0ken">
  <input type="radio" name="choice" value="public" checked>
  <input type="radio" name="choice" value="private">
  <input type="checkbox" name="news"><input type="checkbox" name="terms" checked>
  <select name="zone"><option value="utc">UTC</option><option value="cet" selected>CET</option></select>
  <textarea name="note">two
lines</textarea>
  <input type="file" name="upload"><input type="reset" name="again">
  <button name="decision" value="approve">Yes</button>
  <button type="submit" name="decision" value="deny">No</button>
  <button type="button" name="decision" value="later">Later</button>
  <input type="submit" name="send" value="Go">
</form>
<button name="outside" value="x"></button><input name="outside">
"""


def test_fields_have_the_values_a_browser_would_send() -> None:
    _, form = read_forms(PAGE)
    assert form.fields == {
        "csrfmiddlewaretoken": "t0ken",
        "choice": "public",
        "terms": "on",
        "zone": "cet",
        "note": "two\nlines",
    }


def test_buttons_are_those_that_submit() -> None:
    _, form = read_forms(PAGE)
    assert form.buttons == [("decision", "approve"), ("decision", "deny"), ("send", "Go")]


def test_method_and_action() -> None:
    search, consent = read_forms(PAGE)
    assert (search.method, search.action, search.fields) == ("get", "/search", {"q": "a & b"})
    assert (consent.method, consent.action) == ("post", "/consent/")


def test_a_radio_button_that_is_not_chosen_is_known_by_name() -> None:
    (form,) = read_forms('<form><input type="radio" name="choice" value="public"></form>')
    assert form.names == {"choice"}
    assert form.fields == {}


def test_the_first_option_is_chosen_when_none_says_so() -> None:
    (form,) = read_forms('<form><select name="z"><option value="a"><option value="b"></select></form>')
    assert form.fields == {"z": "a"}


def test_a_page_without_forms() -> None:
    assert read_forms("<p>nothing") == []
