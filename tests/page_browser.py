"""A browser as far as the page needs one: it keeps its cookie and sends forms; it follows nothing and runs no script."""

from urllib.parse import urlencode

from page_reader import Page

__all__ = ["FORM", "Browser"]

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Browser:
    """Keeps its cookie, sends forms, follows nothing."""

    def __init__(self, site, token=""):
        self.site = site
        self.cookie = ""
        self.answer = None
        if token:
            self.answer = self.post("/login", token=token)
            assert self.answer.status == 303, self.answer
            self.cookie = self.answer.headers["set-cookie"].split(";")[0]

    def _headers(self, more):
        return {**({"Cookie": self.cookie} if self.cookie else {}), **more}

    def get(self, path, **headers):
        return self.site.http("GET", path, headers=self._headers(headers))

    def post(self, path, headers=None, **fields):
        return self.site.http(
            "POST", path, body=urlencode(fields).encode(), headers=self._headers({**FORM, **(headers or {})})
        )

    def page(self, path="/"):
        answer = self.get(path)
        assert answer.status == 200, answer
        return Page(answer.body.decode())

    def csrf(self):
        return self.page("/").one("form", action="/logout").one("input", name="csrf")["value"]

    def act(self, deed, **fields):
        """As a person does it: the question, then its form; what the page says afterwards."""
        query = {name: value for name, value in fields.items() if name != "reason"}
        form = self.page(f"/acts/{deed}?{urlencode(query)}").one("form", method="post")
        hidden = {field["name"]: field["value"] for field in form.all("input", type="hidden")}
        done = self.post(form["action"], **{**hidden, **fields})
        assert (done.status, done.headers["location"]) == (303, "/")
        return self.page("/").one("p", class_="said").text
