"""Performs a plan of what clients, AWS and the functions do, and then settles without faults."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from darkroom.domain.entries import Entry
from darkroom.domain.jobs import AnnouncedUpload
from darkroom.services.live import CONNECTION_SECONDS
from darkroom.services.members import member_key
from darkroom.services.notifications import notification_of
from darkroom.services.sweeping import stale
from tests.simulation.application import (
    ENGINE,
    JOB_TIMEOUT_MINUTES,
    KEEP_HOURS,
    OTHER_SECONDS,
    PROFILES,
    Application,
)
from tests.simulation.plan import Plan, Step
from tests.simulation.world import (
    MAX_RECEIVES,
    Message,
    SimulatedQueue,
    deterministic,
)

_WAITS = (0.5, 1, 2, 5, 20, 70, 400, 4000, 90_000)  # seconds; the last is longer than KEEP_HOURS
_PLAIN_KEY = "a.png"
_CONTENTS = (b"good", b"good", b"good", b"good", b"good", b"good", b"torn", b"deadly")
_MAX_WORKERS, _MAX_JOBS = 5, 2
_MAX_ROUNDS, _MAX_DELIVERIES = 12, 2000


@dataclass
class AnnouncedJob:
    """A client's request for a job, repeated until it has a response.

    The client gives up before the job's timeout: the sweep may settle the job from then on, and a request
    repeated later would announce its uploads again.
    """

    number: int
    size: int
    asked_at: float
    unsent: list[str] = field(default_factory=list)  # keys
    has_response: bool = False
    is_asking: bool = False


class History(Application):
    """One history: clients and AWS perform a plan on the application."""

    def __init__(self, seed: int, *, verbose: bool = False) -> None:
        super().__init__(verbose=verbose)
        self.seed = seed
        self.performed: list[Step] = []  # each with the index of its choice
        self.picked = 0
        self.is_stuck = False
        self.announced: list[AnnouncedJob] = []
        self.puts = 0

    def perform(self, plan: Plan) -> None:
        """Performs all steps, then delivers everything without faults until nothing changes."""
        with deterministic(self.clock, self.seed):
            for step in plan:
                self.picked = step.first
                getattr(self, f"_{step.name}")(step)
                self.performed.append(replace(step, first=self.picked))
            self.note("from here without faults")
            self.is_settling = True
            self._settle()

    def _pick[T](self, options: Sequence[T], step: Step) -> T:
        """Returns the option that a step chooses, and records its index."""
        self.picked = step.first % len(options)
        return options[self.picked]

    # What clients do

    @property
    def keys(self) -> list[str]:
        """The keys to put, with as many chances for the plain one as for all others."""
        members = [key for key in self.bucket.stacks if key != _PLAIN_KEY]
        return [*[_PLAIN_KEY] * (1 + len(members)), *members]

    def _stored(self, step: Step) -> str | None:
        """Returns a key with a stack of versions, if there is one."""
        keys = [key for key, stack in self.bucket.stacks.items() if stack]
        return self._pick(keys, step) if keys else None

    def _put(self, step: Step) -> None:
        keys = self.keys
        self._put_at(self._pick(keys, step), step.second)

    def _put_at(self, key: str, kind: int) -> None:
        self.puts += 1
        content = _CONTENTS[kind % len(_CONTENTS)] + b" %d" % self.puts
        self.note(f"client: puts {content.decode()!r} at {key}: version {self.bucket.put(key, content)}")

    def _hide(self, step: Step) -> None:
        if key := self._stored(step):
            self.note(f"client: deletes {key}: marker {self.bucket.hide(key)}")

    def _destroy(self, step: Step) -> None:
        if key := self._stored(step):
            version = self.bucket.destroy(key, step.second % len(self.bucket.stacks[key]))
            self.note(f"client: deletes {version} of {key} permanently")

    def _restore(self, step: Step) -> None:
        if key := self._stored(step):
            self.note(f"client: deletes the newest of {key} permanently: {self.bucket.destroy(key, -1)}")

    def _announce(self, step: Step) -> None:
        if waiting := self._unanswered():
            self._ask(waiting[0])
        elif len(self.announced) < _MAX_JOBS:
            self.announced.append(AnnouncedJob(len(self.announced), 1 + step.second % 2, self.clock.seconds))
            self._ask(self.announced[-1])

    def _unanswered(self) -> list[AnnouncedJob]:
        since = self.clock.seconds - JOB_TIMEOUT_MINUTES * 60 + OTHER_SECONDS
        return [
            job
            for job in self.announced
            if not job.has_response and not job.is_asking and job.asked_at > since
        ]

    def _ask(self, job: AnnouncedJob) -> None:
        job.is_asking = True
        uploads = [AnnouncedUpload(f"{number}.png", 10, "image/png") for number in range(job.size)]

        def ask() -> None:
            view = self.jobs.create(uploads, f"request {job.number}")
            job.has_response = True
            job.unsent = [member_key(view.id, number, upload.name) for number, upload in enumerate(uploads)]
            self.sockets.sent[view.id] = []
            self.channels.join(view.id, view.id, int(self.clock.seconds) + CONNECTION_SECONDS)

        def end() -> None:
            job.is_asking = False

        self.start(f"web: POST /jobs {job.number}", ask, OTHER_SECONDS, end)

    def _send(self, step: Step) -> None:
        ready = [job for job in self.announced if job.unsent]
        if ready:
            job = self._pick(ready, step)
            self._put_at(job.unsent.pop(), step.second)

    def _failed(self, step: Step) -> Entry | None:
        """Returns a failed upload, if there is one. An operator may know it before it is projected."""
        found = [entry for entry in self.ledger.entries.values() if self.failures.find(entry.id)]
        return self._pick(found, step) if found else None

    def _retry(self, step: Step) -> None:
        if entry := self._failed(step):
            self.note(f"operator: retries {entry.upload.key} {entry.upload.version}")
            self.failures.retry(entry)

    def _skip(self, step: Step) -> None:
        # A skipped removal would leave a deleted picture on show, on the operator's decision.
        if (entry := self._failed(step)) and not entry.is_removal:
            self.note(f"operator: skips {entry.upload.key} {entry.upload.version}")
            self.failures.skip(entry)

    def _push_profile(self, step: Step) -> None:
        profile = self._pick(PROFILES, step)
        self.note(f"operator: pushes the profile {profile.name}, and renders stale pictures again")
        self.profiles.profile = profile
        for entry in stale(self.ledger.all_entries(), profile.hash, ENGINE):
            self.queue.send(notification_of(entry.upload), entry.revision)

    # What AWS does

    def _notify(self, step: Step) -> None:
        """Delivers an event of S3: some twice, and some puts never, although S3 promises at least once."""
        pending = self.bucket.notifications
        if not pending:
            return
        notification = self._pick(pending, step)
        if step.second % 16 == 0 and notification.is_put:
            self.note(f"S3: loses the event {notification.text}")
            self.bucket.without_event.add((notification.key, notification.version))
            pending.remove(notification)
            return
        repeated = step.second % 8 == 1
        self.note(f"S3: sends {notification.text}{', and will send it again' if repeated else ''}")
        # SQS counts a receive even if Lambda then has no capacity for an invocation.
        receives = MAX_RECEIVES - 1 if step.second % 5 in (3, 4) else 0
        self.queue.send(notification.body, text=notification.text, receives=receives)
        if not repeated:
            pending.remove(notification)

    def _wait(self, step: Step) -> None:
        # Workers end at their timeout: most waits are shorter.
        seconds = min(self._pick(_WAITS, step), _WAITS[step.second % len(_WAITS)])
        self.note(f"clock: {seconds} s pass")
        self.advance(seconds)

    def _duplicate(self, step: Step) -> None:
        messages = list(self.queue.messages.values())
        if messages:
            message = self._pick(messages, step)
            self.note(f"SQS: duplicates message {message.number}, {message.text}")
            self.queue.send(message.body, message.expected_revision, message.text)

    def _deliver(self, step: Step) -> None:
        self._receive(self.queue, step, self.start_render)

    def _park(self, step: Step) -> None:
        self._receive(self.dead_letters, step, self.start_park)

    def _receive(self, queue: SimulatedQueue, step: Step, start: Callable[[Message], None]) -> None:
        visible = queue.visible()
        if not visible or len(self.workers) >= _MAX_WORKERS:
            return
        message = self._pick(visible, step)
        if queue.receive(message):
            start(message)
        else:
            self.note(f"SQS: message {message.number}, {message.text}, becomes a dead letter")

    def _project(self, step: Step) -> None:
        lane = self._pick(range(len(self.ledger.lanes)), step)
        if self.ledger.lanes[lane] and lane not in self.lanes_in_progress:
            self.start_project(lane, 1 + step.second % 6)

    def _sweep(self, step: Step) -> None:
        if len(self.workers) < _MAX_WORKERS:
            self.start_sweep(1 + step.second % 3)

    def _go(self, step: Step) -> None:
        if self.workers:
            worker = self._pick(self.workers, step)
            for _ in range(step.second % 8):
                self.proceed(worker)
            self.proceed(worker, step.fault)

    # Quiescence

    def _settle(self) -> None:
        for _ in range(_MAX_ROUNDS):
            if not self._drain():
                break
            before = self._state()
            self.advance((KEEP_HOURS + 1) * 3600)
            # Twice: an interrupted sweep resumes in the middle of a bucket.
            for _ in range(2):
                self.finish(self.start_sweep(1000))
            for entry in list(self.failures.list_all()):
                self.failures.retry(entry)
            if self._drain() and self._state() == before:
                return
        self.is_stuck = True

    def _state(self) -> tuple[object, ...]:
        """Everything that a sweep or a message may change, except timestamps of the sweep itself."""
        return (
            dict(self.ledger.entries),
            dict(self.ledger.latests),
            set(self.renditions.objects),
            list(self.ledger.superseded),
            dict(self.ledger.unsettled),
        )

    def _drain(self) -> bool:
        """Delivers everything; returns False if there is always more."""
        first = Step("drain", 0, 0)
        for _ in range(_MAX_DELIVERIES):
            if self.workers:
                self.finish(self.workers[0])
            elif waiting := self._unanswered():
                self._ask(waiting[0])
            elif self.bucket.notifications:
                self._notify(Step("notify", 0, 2))
            elif self.queue.visible():
                self._deliver(first)
            elif self.dead_letters.visible():
                self._park(first)
            elif (
                lane := next((lane for lane in range(len(self.ledger.lanes)) if self.ledger.lanes[lane]), -1)
                + 1
            ):
                self.start_project(lane - 1, 48)
            elif messages := [*self.queue.messages.values(), *self.dead_letters.messages.values()]:
                self.advance(max(0.0, min(m.visible_at for m in messages) - self.clock.seconds))
            else:
                return True
        return False
