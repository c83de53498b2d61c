"""Every code that a report of the store can carry, with one sentence each; codes are stable, messages may change."""

CODES: dict[str, str] = {
    "declared-twice": "An object is declared in two places; identical declarations are a warning.",
    "owned-elsewhere": "An object belongs to a file or a platform and can be changed only there.",
    "not-found": "No object of this name exists.",
    "kept": "Objects are no longer found in a file whose mistakes hide what it holds; they stay until it is mended.",
    "kinds-not-read": "Documents are of kinds that are not read.",
}
