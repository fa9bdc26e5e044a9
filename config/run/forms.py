"""Reads the forms of a page, as a browser would fill and send them."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

Attributes = list[tuple[str, str | None]]
NOT_SENT = {"submit", "button", "reset", "image", "file"}


@dataclass
class Form:
    """`fields` have the values the page starts with; `buttons` are (name, value) pairs that submit it."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)
    # Earlier values of a name that comes several times, as with one checkbox for each scope: sent as well.
    also: list[tuple[str, str]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)  # all fields, also radio buttons of which none is chosen


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[Form] = []
        self._form: Form | None = None
        self._select: str | None = None
        self._textarea: str | None = None

    def handle_starttag(self, tag: str, attrs: Attributes) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = Form(found.get("action", ""), found.get("method", "get").lower())
            self.forms.append(self._form)
        elif self._form is not None:
            self._read_control(self._form, tag, found)

    def _read_control(self, form: Form, tag: str, found: dict[str, str]) -> None:
        name = found.get("name", "")
        if tag == "input":
            _read_input(form, name, found)
        elif tag == "button" and found.get("type", "submit") == "submit":
            form.buttons.append((name, found.get("value", "")))
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and ("selected" in found or self._select not in form.fields):
            form.fields[self._select] = found.get("value", "")
        elif tag == "textarea" and name:
            self._textarea = name
            form.fields[name] = ""

    def handle_data(self, data: str) -> None:
        if self._form is not None and self._textarea:
            self._form.fields[self._textarea] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = None
        elif tag == "textarea":
            self._textarea = None


def _read_input(form: Form, name: str, found: dict[str, str]) -> None:
    kind = found.get("type", "text").lower()
    if kind == "submit":
        form.buttons.append((name, found.get("value", "")))
    if not name or kind in NOT_SENT:
        return
    form.names.add(name)
    if kind in {"radio", "checkbox"} and "checked" not in found:
        return
    if name in form.fields and kind != "radio":
        form.also.append((name, form.fields[name]))
    form.fields[name] = found.get("value", "on" if kind in {"radio", "checkbox"} else "")


def read_forms(page: str) -> list[Form]:
    reader = _FormReader()
    reader.feed(page)
    reader.close()
    return reader.forms
