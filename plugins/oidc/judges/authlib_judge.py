"""Authlib, as a web application in Python uses it, against the provider whose address is in the environment."""

import html
import os
import re
from urllib.parse import urljoin

import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.discovery import OpenIDProviderMetadata
from joserfc import jwt
from joserfc.jwk import KeySet

# The provider is on this machine, without TLS.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
issuer, secret, application = (os.environ[name] for name in ("ISSUER", "CLIENT_SECRET", "APPLICATION"))
name, password = os.environ["USER_NAME"], os.environ["USER_PASSWORD"]
TIMEOUT = 20


def through(url):
    """Signs in and allows, as a browser without script does; gives the address that the answer goes to."""
    browser = requests.Session()
    answer = browser.get(url, allow_redirects=False, timeout=TIMEOUT)
    for _ in range(8):
        if answer.is_redirect:
            location = urljoin(answer.url, answer.headers["location"])
            if location.startswith(application):
                return location
            answer = browser.get(location, allow_redirects=False, timeout=TIMEOUT)
            continue
        fields = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', answer.text)
        form = {key: html.unescape(value) for key, value in fields}
        action = re.search(r'<form method="post" action="([^"]*)"', answer.text).group(1)
        form |= {"name": name, "password": password, "decision": "allow"}
        answer = browser.post(urljoin(answer.url, action), data=form, allow_redirects=False, timeout=TIMEOUT)
    raise AssertionError(f"no answer for the application: {answer.status_code} {answer.text}")


document = requests.get(f"{issuer}/.well-known/openid-configuration", timeout=TIMEOUT).json()
metadata = OpenIDProviderMetadata(document)
for member in document:
    check = getattr(metadata, f"validate_{member}", None)
    # What Authlib cannot take is that this machine has no TLS.
    if check and not (member == "issuer" or member.endswith(("_endpoint", "_uri"))):
        check()
print("ok: Authlib takes the document")

client = OAuth2Session(
    "web",
    secret,
    scope="openid email offline_access",
    redirect_uri=f"{application}/cb",
    code_challenge_method="S256",
    token_endpoint=document["token_endpoint"],
)
verifier = "v" * 64
url, state = client.create_authorization_url(document["authorization_endpoint"], code_verifier=verifier, nonce="a-nonce")
assert create_s256_code_challenge(verifier) in url
token = client.fetch_token(authorization_response=through(url), code_verifier=verifier, state=state)
print("ok: a code becomes tokens")

keys = KeySet.import_key_set(requests.get(document["jwks_uri"], timeout=TIMEOUT).json())
claims = jwt.decode(token["id_token"], keys, algorithms=["RS256"]).claims
jwt.JWTClaimsRegistry(
    iss={"essential": True, "value": issuer},
    aud={"essential": True, "value": "web"},
    nonce={"essential": True, "value": "a-nonce"},
    exp={"essential": True},
).validate(claims)
print("ok: the ID token is sound")

info = client.get(document["userinfo_endpoint"], timeout=TIMEOUT).json()
assert info["sub"] == claims["sub"] and info["email_verified"] is True, info
before = token["refresh_token"]
token = client.refresh_token(document["token_endpoint"])
assert token["refresh_token"] != before
told = client.introspect_token(document["introspection_endpoint"], token["access_token"], "access_token").json()
assert told["active"] is True, told
assert client.revoke_token(document["revocation_endpoint"], token["refresh_token"], "refresh_token").status_code == 200
told = client.introspect_token(document["introspection_endpoint"], token["access_token"], "access_token").json()
assert told == {"active": False}, told
print("ok: userinfo, refresh, introspection and revocation")

machine = OAuth2Session("machine", secret, scope="mcp:read", token_endpoint=document["token_endpoint"])
assert machine.fetch_token(grant_type="client_credentials")["scope"] == "mcp:read"
print("ok: a client for itself")
