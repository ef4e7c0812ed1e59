"""What is sound in a document that does not validate, so that its cross-checks can be made all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ostiary.config.model import Config

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ostiary.config.problem import Path
    from ostiary.config.references import Folder

_ROUNDS = 8


class Salvage:
    """Leaves values out of a document until the rest validates.

    A value that is wrong is left out, so that its default stands in; where it has none, the mapping around it goes
    too, and so on. In `config` the routes are numbered anew; `original` gives back the paths of the document.
    """

    def __init__(self, document: dict[str, Any], errors: ValidationError, context: Folder) -> None:
        self.config: Config | None = None
        self._document = document
        self._routes: list[int] = []
        self._lost: set[Path] = set()
        found = errors
        self._without()
        for _ in range(_ROUNDS):
            if not self._lose(found):
                return
            try:
                self.config = Config.model_validate(self._without(), context=context)
            except ValidationError as error:
                found = error
            else:
                return

    def original(self, path: Path) -> Path:
        """The path in the document of what is at `path` in `config`."""
        match path:
            case ("routes", int(index), *rest) if index < len(self._routes):
                return ("routes", self._routes[index], *rest)
            case _:
                return path

    def _lose(self, errors: ValidationError) -> bool:
        """Note what the errors make worthless; False if that is everything, or nothing more than before."""
        before = len(self._lost)
        for error in errors.errors(include_url=False, include_context=False, include_input=False):
            path = self.original(error["loc"])
            self._lost.add(self._whole(path[:-1] if error["type"] == "missing" else path))
        return () not in self._lost and len(self._lost) > before

    def _whole(self, path: Path) -> Path:
        """The path as far as the document has it, and of lists other than the routes, no single items."""
        here: Any = self._document
        for depth, step in enumerate(path):
            item = isinstance(here, list) and path[:depth] != ("routes",)
            known = step in here if isinstance(here, dict) else isinstance(here, list)
            if item or not known:
                return path[:depth]
            here = here[step]
        return path

    def _without(self) -> dict[str, Any]:
        routes = self._document.get("routes")
        if isinstance(routes, list):
            self._routes = [index for index in range(len(routes)) if ("routes", index) not in self._lost]
        return {key: self._copy(value, (key,)) for key, value in self._kept(self._document.items(), ())}

    def _copy(self, value: object, path: Path) -> object:
        if isinstance(value, dict):
            return {key: self._copy(below, (*path, key)) for key, below in self._kept(value.items(), path)}
        if path == ("routes",) and isinstance(value, list):
            return [self._copy(below, (*path, index)) for index, below in self._kept(enumerate(value), path)]
        return value

    def _kept(self, items: Iterable[tuple[Any, object]], path: Path) -> list[tuple[Any, object]]:
        return [(step, value) for step, value in items if (*path, step) not in self._lost]
