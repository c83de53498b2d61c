"""Every code that the API's answers of failure carry beside reports; codes are stable, messages may change."""

CODES: dict[str, str] = {
    "bad-request": "Parameters or body are not what the operation takes (status 400).",
    "unauthorized": "The caller gave no token, or a wrong one (401).",
    "forbidden": "The request came under a name of the server that is not known (403).",
    "not-found": "No such path, object, proxy, instance or revision (404).",
    "method-not-allowed": "The path has other methods (405).",
    "conflict": "The object belongs to another owner, or changed meanwhile (409).",
    "too-large": "The body is larger than is read (413).",
    "invalid-input": "The input is wrong or refused; `reports` say why (422).",
    "refused": "The request was understood and not accepted (422).",
    "history-unavailable": "The change could not be recorded, and nothing was changed (503).",
    "unavailable": "Nothing was changed; asking again later may succeed (503).",
    "internal": "A mistake of ours; the control plane's log has it (500).",
}
