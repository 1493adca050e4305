"""Signing in to the pages at an organisation's own provider: OpenID Connect's code flow with PKCE.

`settings` says which provider, `provider` asks it, `flow` remembers a sign-in that is under way, `id_token` checks what the
provider says of somebody, and `sign_in` answers the browser.
"""
