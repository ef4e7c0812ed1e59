"""What is sound in a document that does not validate, so that its cross-checks can be made all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from ostiary.config.model import Config
from ostiary.config.problem import reached
from ostiary.config.stand_ins import meant, needed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ostiary.config.problem import Path
    from ostiary.config.references import Folder

_ROUNDS: Final = 8
_KEY: Final = "[key]"
"""The last step that pydantic gives for what is wrong with a key of a mapping."""


class Salvage:
    """Leaves as little out of a document as possible for the rest to validate.

    What is wrong, or missing, is `lost`. A value that something stands in for is replaced, any other is left out; where
    nothing holds without it, the mapping around it is lost as well, and so on. A name that is wrong keeps what it
    names. In `config` the items of lists are numbered anew; `original` gives back the paths of the document.
    """

    def __init__(self, document: dict[str, Any], lost: Iterable[Path], context: Folder) -> None:
        self.config: Config | None = None
        self._document = document
        self._missing: dict[Path, set[str]] = {}
        self._misnamed: set[Path] = set()
        self._names: dict[Path, dict[str, str]] = {}
        self._kept: dict[Path, list[int]] = {}
        self.lost: set[Path] = {path for path in lost if path and reached(document, path)[0] == path}
        for _ in range(_ROUNDS):
            self._names, self._kept = {}, {}
            try:
                config = Config.model_validate(self._copy(document, ()), context=context)
            except ValidationError as error:
                if not self._lose(error):
                    return
            else:
                self.config = self._with_names(config)
                return

    def original(self, path: Path) -> Path:
        """The path in the document of what is at `path` in `config`."""
        found: Path = ()
        for step in path:
            kept = self._kept.get(found, [])
            if isinstance(step, str):
                found = (*found, self._names.get(found, {}).get(step, step))
            else:
                found = (*found, kept[step] if step < len(kept) else step)
        return found

    def _lose(self, errors: ValidationError) -> bool:
        """Note what the errors make worthless; False if that is everything, or nothing more than before."""
        before = len(self.lost) + len(self._misnamed)
        details = errors.errors(include_url=False, include_context=False, include_input=False)
        around = {detail["loc"][:depth] for detail in details for depth in range(len(detail["loc"]))}
        for error in details:
            # What is too short only for what is wrong within it may be long enough once that is replaced.
            if error["type"] == "too_short" and error["loc"] in around:
                continue
            path = self.original(error["loc"])
            whole, _ = reached(self._document, path)
            if path == (*whole, _KEY):
                self._misnamed.add(whole)
            elif error["type"] != "missing":
                self.lost.add(whole)
            elif path in self.lost or needed(path) is None:
                self.lost.add(path[:-1])
            else:
                self.lost.add(path)
                self._missing.setdefault(path[:-1], set()).add(str(path[-1]))
        return () not in self.lost and len(self.lost) + len(self._misnamed) > before

    def _copy(self, value: object, path: Path) -> object:
        if isinstance(value, dict):
            return self._mapping(value, path)
        return self._list(value, path) if isinstance(value, list) else value

    def _mapping(self, value: dict[str, object], path: Path) -> dict[str, object]:
        copy: dict[str, object] = {}
        names: dict[str, str] = {}
        for step, below in value.items():
            inner = (*path, step)
            name = step
            if inner in self._misnamed:
                name = f"stand-in.{len(names)}"
                names[name] = step
            if inner not in self.lost:
                copy[name] = self._copy(below, inner)
            elif (instead := self._instead(inner, below)) is not None:
                copy[name] = instead
        for step in self._missing.get(path, ()):
            copy[step] = needed((*path, step))
        if names:
            self._names[path] = names
        return copy

    def _list(self, value: list[object], path: Path) -> object:
        kept = [index for index in range(len(value)) if (*path, index) not in self.lost]
        if value and not kept and (instead := self._instead(path, value)) is not None:
            self.lost.add(path)
            return instead
        self._kept[path] = kept
        return [self._copy(value[index], (*path, index)) for index in kept]

    def _instead(self, path: Path, value: object) -> object:
        instead = needed(path)
        return meant(path) if instead is None and value else instead

    def _with_names(self, config: Config) -> Config:
        """The configuration, with what had wrong names under these again."""
        for path, names in sorted(self._names.items(), key=lambda item: len(item[0])):
            section: Any = config
            for step in path:
                section = section[step] if isinstance(section, dict) else getattr(section, str(step))
            renamed = {names.get(name, name): named for name, named in section.items()}
            section.clear()
            section.update(renamed)
        return config
