"""The page's documents as HTML: login, jobs, one job. Pure."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import quote, urlencode

from tablecloud.jobs.model import Job, State
from tablecloud.jobs.page.charts import duration, state_bar, trial_charts
from tablecloud.jobs.page.markup import Markup, join, tag
from tablecloud.jobs.page.reading import PAGE_SIZE, Overview, Row


def document(title: str, *body: Markup, changes: str = "", member: str = "") -> str:
    """Return a whole page.

    Parameters:
        changes: address of its event stream; empty where it never changes.
        member: who is logged in.
    """
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{title} · Tablecloud"),
        tag("link", rel="icon", href="/ui/icon.svg"),
        tag("link", rel="stylesheet", href="/ui/page.css"),
        tag("script", src="/ui/page.js", defer=True) if changes else None,
    )
    leave = tag(
        "form",
        tag("span", member),
        tag("button", "Log out", type="submit"),
        method="post",
        action="/ui/logout",
    )
    top = tag("header", tag("a", "Tablecloud jobs", href="/ui/", class_="home"), leave if member else None)
    main = tag("main", *body, data_changes=changes or None)
    return "<!doctype html>\n" + tag("html", head, tag("body", top, main), lang="en") + "\n"


def login_page(message: str = "") -> str:
    """Return the page that asks for a token."""
    return document(
        "Log in",
        tag("h1", "Log in"),
        tag("p", message, class_="error", role="alert") if message else Markup(""),
        tag(
            "form",
            tag("label", "Token", for_="token"),
            tag(
                "input",
                type="password",
                name="token",
                id="token",
                required=True,
                autocomplete="off",
                autofocus=True,
            ),
            tag("button", "Log in", type="submit"),
            method="post",
            action="/ui/login",
            class_="login",
        ),
        tag("p", "Or run ", tag("code", "tablecloud ml status"), " and open the link that it prints."),
    )


def entered_page() -> str:
    """Return the page that leads on after a login: a redirect would not carry the cookie it has just set."""
    onward = tag("meta", http_equiv="refresh", content="0; url=/ui/")
    icon = tag("link", rel="icon", href="/ui/icon.svg")
    words = tag("p", tag("a", "Go on to the jobs", href="/ui/"))
    return "<!doctype html>\n" + join(tag("title", "Logged in · Tablecloud"), icon, onward, words) + "\n"


def overview_page(found: Overview, member: str) -> str:
    """Return the page of jobs."""
    changes = "/ui/changes" + (f"?{urlencode({'project': found.project})}" if found.project else "")
    fragment = tag("div", overview_fragment(found), id="fragment")
    return document(found.project or "Jobs", fragment, changes=changes, member=member)


def overview_fragment(found: Overview) -> Markup:
    """Return the part of the page of jobs that changes."""
    counts = [
        tag("li", _state(state), " ", str(found.counts[state.value]))
        for state in State
        if state.value in found.counts
    ]
    chosen = tag("h1", f"Jobs of {found.project}" if found.project else "Jobs")
    if not found.rows:
        return join(chosen, tag("p", "There are no jobs yet.", class_="empty"))
    table = tag("table", tag("thead", _heads()), tag("tbody", *(_row(row, found.now) for row in found.rows)))
    return join(chosen, tag("ul", *counts, class_="counts"), _projects(found), table, _older(found))


def job_page(row: Row, now: float, member: str) -> str:
    """Return the page of one job."""
    path = job_path(row.job)
    log = tag(
        "section",
        tag("h2", "Log"),
        tag("p", tag("a", "As plain text", href=f"{path}/log.txt")),
        tag("pre", id="log", tabindex=0, aria_label="Log"),
    )
    fragment = tag("div", job_fragment(row, now), id="fragment")
    return document(row.job.job_id, fragment, log, changes=f"{path}/changes", member=member)


def job_fragment(row: Row, now: float) -> Markup:
    """Return the part of a job's page that changes."""
    job = row.job
    failure = tag("p", job.error_message, class_="error") if job.error_message else None
    return join(
        tag("h1", job.job_id, " ", _state(job.state)),
        failure,
        tag("dl", *_facts(job, now)),
        tag("h2", "States"),
        state_bar(row.events, now, width=640, height=20),
        _moves(row),
        _trials(job),
        tag("h2", "Details"),
        tag("pre", json.dumps(job.document, indent=2, ensure_ascii=False), class_="json"),
    )


def not_found_page(member: str) -> str:
    """Return the page for an address where nothing is, or nothing this member may see."""
    return document(
        "Not found",
        tag("h1", "Not found"),
        tag("p", "There is no such page, or you may not see it."),
        member=member,
    )


def broken() -> Markup:
    """Return what a page says that could not be made."""
    return tag("p", "This page could not be made. The server's log says why.", class_="error")


def job_path(job: Job) -> str:
    """Return the address of a job's page."""
    return f"/ui/projects/{quote(job.project, safe='')}/jobs/{quote(job.job_id, safe='')}"


def _heads() -> Markup:
    names = ("Job", "Project", "State", "Created", "Took", "States over time")
    return tag("tr", *(tag("th", name, scope="col") for name in names))


def _row(row: Row, now: float) -> Markup:
    job = row.job
    return tag(
        "tr",
        tag("td", tag("a", job.job_id, href=job_path(job))),
        tag("td", job.project),
        tag("td", _state(job.state)),
        tag("td", _moment(job.create_time)),
        tag("td", _took(job, now)),
        tag("td", state_bar(row.events, now)),
    )


def _projects(found: Overview) -> Markup:
    if len(found.projects) < 2:
        return Markup("")
    links = [
        tag(
            "li",
            tag(
                "a",
                name,
                href=f"/ui/?{urlencode({'project': name})}",
                aria_current="page" if name == found.project else None,
            ),
        )
        for name in found.projects
    ]
    return tag("ul", tag("li", tag("a", "All projects", href="/ui/")), *links, class_="projects")


def _older(found: Overview) -> Markup:
    """Return the link to the jobs before these; of one project only, whose order is the store's."""
    if not found.project or len(found.rows) < PAGE_SIZE:
        return Markup("")
    last = found.rows[-1].job
    query = {"project": found.project, "before": repr(last.create_time), "job": last.job_id}
    return tag("p", tag("a", "Older jobs", href=f"/ui/?{urlencode(query)}"))


def _facts(job: Job, now: float) -> list[Markup]:
    labels = ", ".join(f"{key}: {value}" for key, value in sorted(job.labels.items()))
    facts = {
        "Project": job.project,
        "Created": _moment(job.create_time),
        "Started": _moment(job.start_time) if job.start_time else "",
        "Ended": _moment(job.end_time) if job.end_time else "",
        "Took": _took(job, now),
        "Attempts": str(job.attempt or ""),
        "Labels": labels,
        "Output": _output(job.output),
    }
    return [join(tag("dt", name), tag("dd", value)) for name, value in facts.items() if value]


def _output(output: dict[str, Any] | None) -> str:
    plain = {key: value for key, value in (output or {}).items() if not isinstance(value, list | dict)}
    return ", ".join(f"{key}: {value}" for key, value in plain.items())


def _moves(row: Row) -> Markup:
    lines = [
        tag(
            "tr",
            tag("td", _moment(e.at)),
            tag("td", _state(e.to_state)),
            tag("td", e.reason.value),
            tag("td", e.actor),
        )
        for e in row.events
    ]
    heads = tag("tr", *(tag("th", name, scope="col") for name in ("At", "State", "Reason", "By")))
    return tag("table", tag("thead", heads), tag("tbody", *lines))


def _trials(job: Job) -> Markup:
    trials = [trial for trial in (job.output or {}).get("trials") or () if isinstance(trial, dict)]
    if not trials:
        return Markup("")
    goal = (job.document.get("trainingInput") or {}).get("hyperparameters") or {}
    by_number = sorted(trials, key=_trial_number)
    names = sorted({name for trial in trials for name in trial.get("hyperparameters") or ()})
    heads = tag("tr", *(tag("th", name, scope="col") for name in ("Trial", "State", "Objective", *names)))
    lines = [tag("tr", *(tag("td", cell) for cell in _trial_cells(trial, names))) for trial in by_number]
    return join(
        tag("h2", "Trials"),
        trial_charts(by_number, maximize=goal.get("goal") != "MINIMIZE"),
        tag("table", tag("thead", heads), tag("tbody", *lines)),
    )


def _trial_number(trial: dict[str, Any]) -> tuple[int, str]:
    text = str(trial.get("trialId", ""))
    return (int(text) if text.isascii() and text.isdigit() else 0, text)


def _trial_cells(trial: dict[str, Any], names: list[str]) -> list[str]:
    values = trial.get("hyperparameters") or {}
    objective = (trial.get("finalMetric") or {}).get("objectiveValue", "")
    return [
        str(trial.get("trialId", "")),
        str(trial.get("state", "")),
        f"{objective:.6g}" if isinstance(objective, float) else str(objective),
        *(str(values.get(name, "")) for name in names),
    ]


def _state(state: State) -> Markup:
    return tag("span", state.value, class_=f"state state-{state.value}")


def _moment(seconds: float) -> Markup:
    stamp = time.gmtime(seconds)
    return tag(
        "time",
        time.strftime("%Y-%m-%d %H:%M:%S", stamp) + " UTC",
        datetime=time.strftime("%Y-%m-%dT%H:%M:%SZ", stamp),
    )


def _took(job: Job, now: float) -> str:
    return duration((job.end_time or now) - job.start_time) if job.start_time else ""
