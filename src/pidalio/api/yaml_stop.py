"""Why reading a file ended early, in words that say what to do."""

import yaml

from pidalio.model import Place, Report, Severity


class Stop(Exception):
    """Reading cannot go on."""

    def __init__(self, code: str, message: str, line: int) -> None:
        super().__init__(message)
        self.code, self.message, self.line = code, message, line

    def report(self, file: str) -> Report:
        """Return what the user is told."""
        place = Place(file, self.line) if file else None
        return Report(Severity.ERROR, self.code, self.message, place=place)


def stop_of(error: yaml.YAMLError, text: str) -> Stop:
    """Return what libyaml says, with what to do where its words do not tell."""
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        said = ": ".join(part for part in (error.context, error.problem) if part) or "not YAML"
        begun = error.context_mark.line + 1 if error.context_mark and error.context else line
        since = f" (begun in line {begun})" if begun != line else ""
        return Stop("bad-yaml", f"{said}{since}{_advice(said, text, line)}", line)
    position = getattr(error, "position", 0) or 0
    return Stop("bad-yaml", getattr(error, "reason", None) or "not YAML", text.count("\n", 0, position) + 1)


def _advice(said: str, text: str, line: int) -> str:
    lines = text.split("\n", line)
    shown = lines[line - 1] if line <= len(lines) else ""
    if "\t" in shown[: len(shown) - len(shown.lstrip())]:
        return ": indent with spaces, not tabs"
    if "quoted scalar" in said:
        return ": close the quote"
    if "mapping values are not allowed" in said:
        return ": put text that holds ': ' in quotes, and check the indentation"
    if "block" in said and "did not find expected" in said:
        return ": check the indentation"
    return ""
