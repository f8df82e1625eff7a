"""What the tester is told beside the document: things that are there, and what makes another one, so that most operations
have something to work on.

Every other question that is right so far is led: its number to a thing that the story made, and a new thing to what is
known to be taken. What deletes or bars is led away from those things, so that they are there to the end; in stateful
tests other numbers come from answers and stay what they are."""

import itertools
import json
import os

import schemathesis

KNOWN = json.loads(os.environ["KNOWN_THINGS"])
"""The ids that stand in addresses, by the segment before."""

MAKES = {
    "/api/v1/apps": {"owner_email": "ops@example.com"},
    "/api/v1/tokens": {"app_id": KNOWN["apps"][0]},
    "/api/v1/plugins": {"command": "file:///no/such/program"},
    "/api/v1/admin-tokens": {"role": "viewer"},
    "/api/v1/namespaces": {},
    "/api/v1/edges": {},
}
"""What each new thing needs besides its name."""

LARGEST = 2**32
NUMBERS = itertools.count(1)


def word(value):
    return str(getattr(value, "value", value)).lower()


def spares(method, path):
    return method == "DELETE" or path.endswith(("/revoke", "/join-token"))


def lead_to_known(case, path):
    given = (case.path_parameters or {}).get("id")
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given < LARGEST:
        return
    known = KNOWN.get(path.split("/{id}")[0].rsplit("/", 1)[-1])
    if known:
        case.path_parameters["id"] = known[given % len(known)]


def lead_away_from_known(case, path):
    given = (case.path_parameters or {}).get("id")
    known = KNOWN.get(path.split("/{id}")[0].rsplit("/", 1)[-1], [])
    if str(given) in [str(number) for number in known]:
        case.path_parameters["id"] = LARGEST - 1


def lead_past_the_making(body):
    """Nothing goes back to before those things were made."""
    fields = body.get("data", {}).get("attributes", body) if isinstance(body.get("data", {}), dict) else body
    revision = fields.get("revision") if isinstance(fields, dict) else None
    if isinstance(revision, int) and not isinstance(revision, bool) and 0 <= revision < KNOWN["made_at"]:
        fields["revision"] = KNOWN["made_at"]


@schemathesis.hook
def before_call(context, case, kwargs):
    meta = case.meta
    method, path = case.operation.method.upper(), case.operation.path
    if spares(method, path):
        lead_away_from_known(case, path)
    if path.endswith("/rollback") and isinstance(case.body, dict):
        lead_past_the_making(case.body)
    if meta is None or word(meta.generation.mode) != "positive" or next(NUMBERS) % 2:
        return
    if word(meta.phase.name) != "stateful" and not spares(method, path):
        lead_to_known(case, path)
    if method == "POST" and path in MAKES and isinstance(case.body, dict):
        case.body = dict(MAKES[path], name=f"made-{next(NUMBERS)}")
