"""The functions of Darkroom on the fakes, in workers that a scheduler interrupts at every call of a port."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from darkroom.domain.errors import DecoderProcessDied, RejectedPicture
from darkroom.domain.profile import Profile, built_in
from darkroom.domain.receipts import Original, Rendered
from darkroom.domain.renditions import Encoded, Format
from darkroom.services.jobs import Jobs
from darkroom.services.keys import Keys
from darkroom.services.live import Pusher
from darkroom.services.notifications import parse_queue_message
from darkroom.services.parking import Failures, Parking
from darkroom.services.projecting import Broadcast, Projection, Record
from darkroom.services.reconciling import Reconciler
from darkroom.services.reconciling import Worker as Invocation
from darkroom.services.rendering import Renderer
from darkroom.services.retries import lease_expiry, retry_delay, visibility_timeout
from darkroom.services.sweeping import Sweep
from tests.fakes import FakeChannels, FakeEventBus, FakeProfiles, FakeSockets
from tests.simulation.workers import BusPort, Fault, Port, Worker, pause
from tests.simulation.world import (
    DEAD_LETTER_VISIBILITY_SECONDS,
    VISIBILITY_SECONDS,
    Bucket,
    Clock,
    Log,
    Message,
    RecordedViews,
    RenditionsBucket,
    SimulatedQueue,
    StreamedLedger,
)

ENGINE = "engine 1"
RENDER_SECONDS, OTHER_SECONDS = 10, 30  # an invocation's timeout
SWEEP_AFTER_MINUTES, KEEP_HOURS, JOB_TIMEOUT_MINUTES = 60, 24, 60


class PushedProfile(Profile):
    """A profile whose hash is its name, which is quicker than a digest of the document."""

    @property
    def hash(self) -> str:
        return self.name


_DEFAULT = built_in("default")
PROFILES = tuple(PushedProfile(name, _DEFAULT.ladders) for name in ("first", "second"))


def engine(content: bytes, profile: Profile) -> Rendered:
    """Makes two files of an upload's content and the profile's name."""
    if content.startswith(b"torn"):
        raise RejectedPicture("corrupt_image", "It is damaged.")
    if content.startswith(b"deadly"):
        raise DecoderProcessDied("crashed", "It crashed the decoder.")
    data = content + profile.hash.encode()
    return Rendered(
        Original("png", 1280, 960, len(content)),
        tuple(Encoded(Format.JPEG, width, width, 75, data=data + bytes([width])) for width in (1, 2)),
        (),
        {},
    )


class Application:
    """The functions on one world. Each runs in a worker, until its next call of a port.

    `lines` describes the history, if `verbose`; `calls` and `faults` count.
    """

    def __init__(self, *, verbose: bool) -> None:
        self.verbose = verbose
        self.lines: list[str] = []
        self.is_settling = False
        self.faults: Counter[Fault] = Counter()
        self.calls = 0
        self.workers: list[Worker] = []
        self.started = 0
        self.lanes_in_progress: set[int] = set()

        self.clock = clock = Clock()
        self.log: Log = []
        self.bucket = Bucket(clock=clock, log=self.log)
        self.renditions = RenditionsBucket(clock=clock)
        self.ledger = StreamedLedger(log=self.log)
        self.views = RecordedViews()
        self.dead_letters = SimulatedQueue(clock, DEAD_LETTER_VISIBILITY_SECONDS)
        self.queue = SimulatedQueue(clock, VISIBILITY_SECONDS, self.dead_letters)
        self.profiles = FakeProfiles(PROFILES[0])
        self.bus, self.channels, self.sockets = FakeEventBus(), FakeChannels(), FakeSockets()
        self._compose()

    def _compose(self) -> None:
        """Builds the services, as bootstrap/ does, with ports that the scheduler interrupts."""

        def port(name: str) -> Port:
            return Port(name, getattr(self, name))

        originals, renditions, ledger = Port("originals", self.bucket), port("renditions"), port("ledger")
        self.queue_port, self.dead_letters_port = port("queue"), port("dead_letters")
        views = port("views")
        renderer = Renderer(originals, renditions, port("profiles"), ENGINE)
        keys = Keys(originals, ledger)
        self.reconciler = Reconciler(keys, renditions, renderer)
        self.parking = Parking(keys)
        self.broadcast = Broadcast(
            Projection(views, sleep=lambda _: None),
            BusPort(self.bus),
            Pusher(port("channels"), port("sockets"), report=lambda _: None),
            sleep=lambda _: None,
            clock=lambda: self.clock.seconds,
        )
        self.sweeping = Sweep(
            originals,
            renditions,
            ledger,
            ledger,
            self.queue_port,
            SWEEP_AFTER_MINUTES,
            KEEP_HOURS,
            JOB_TIMEOUT_MINUTES,
        )
        self.jobs = Jobs(self.bucket.bucket, ledger, views)
        self.failures = Failures(self.ledger, self.views, self.queue)

    def note(self, text: str) -> None:
        if self.verbose:
            self.lines.append(f"{self.clock.now[5:-5].replace('T', ' ')}  {text}")

    # The functions, as in functions/*/app.py

    def start(
        self, name: str, run: Callable[[], object], seconds: float, end: Callable[[], object] | None = None
    ) -> Worker:
        """Starts a worker; it runs up to its first call."""
        self.started += 1

        def guarded() -> None:
            try:
                run()
            except Exception as fault:  # noqa: BLE001 - the invocation fails
                self.note(f"{worker.name}: fails: {_reason(fault)}")
            finally:
                if end:
                    end()

        function, _, subject = name.partition(": ")
        worker = Worker(f"{function} {self.started}", guarded, self.clock.seconds + seconds)
        self.note(f"{worker.name} starts{subject and f': {subject}'}")
        worker.proceed()
        if not worker.dead:
            self.workers.append(worker)
        return worker

    def start_render(self, message: Message) -> None:
        parsed = parse_queue_message(message.body, self.bucket.bucket, str(message.number))

        def isolated(content: bytes, profile: Profile) -> Rendered:
            Port("engine", _Engine()).decode()
            return engine(content, profile)

        def render() -> None:
            worker = Invocation(isolated, lease_expiry(RENDER_SECONDS * 1000))
            for _ in self.reconciler.apply_each(parsed.changes, worker, message.expected_revision):
                pass

        self._handle(self.queue_port, message, "render", render, RENDER_SECONDS)

    def start_park(self, message: Message) -> None:
        parsed = parse_queue_message(message.body, self.bucket.bucket, str(message.number))

        def park() -> None:
            for change in parsed.changes:
                self.parking.park(change, message.body)

        self._handle(self.dead_letters_port, message, "park", park, OTHER_SECONDS)

    def _handle(
        self, queue: Port, message: Message, function: str, run: Callable[[], None], seconds: float
    ) -> None:
        """Starts a worker on a message, which is hidden meanwhile, as by RetryingBatch."""
        handle = str(message.number)
        message.visible_at = self.clock.seconds + visibility_timeout(round(seconds * 1000))

        def handled() -> None:
            try:
                run()
            except Exception as fault:
                jitter = message.number * 0.37 % 1
                with suppress(Exception):
                    queue.hide(handle, retry_delay(fault, message.receives, jitter, self.clock.moment))
                raise
            queue.delete(handle)

        name = f"{function}: message {message.number}, {message.text}, attempt {message.receives}"
        self.start(name, handled, seconds)

    def start_project(self, lane: int, size: int) -> Worker:
        """Starts a worker on a batch of one lane. Lambda retries from the first failed record."""
        records = self.ledger.lanes[lane]
        batch = [Record(str(number), change) for number, change in records[:size]]

        def project() -> None:
            faults = self.broadcast.process(batch).faults
            pause("stream.respond")
            failed = [number for number, record in enumerate(batch) if record.id in faults]
            del records[: min(failed, default=len(batch))]

        self.lanes_in_progress.add(lane)
        numbers = f"{batch[0].id} to {batch[-1].id}"
        return self.start(
            f"project: records {numbers}",
            project,
            OTHER_SECONDS,
            lambda: self.lanes_in_progress.discard(lane),
        )

    def start_sweep(self, pages: int) -> Worker:
        def sweep() -> None:
            for task in (
                self.sweeping.remove_superseded(),
                self.sweeping.settle_jobs(),
                self.sweeping.enqueue_lost(pages),
                self.sweeping.remove_unused(pages),
            ):
                for _ in task:
                    pass

        return self.start("sweep", sweep, 900)

    # The scheduler

    def proceed(self, worker: Worker, fault: Fault = Fault.NONE) -> None:
        if worker.dead:
            return
        self.calls += 1
        if fault is not Fault.NONE:
            if fault is Fault.DEADLINE and not worker.name.startswith("render"):
                fault = Fault.THROTTLED  # only render interrupts itself before its timeout
            self.faults[fault] += 1
        self.clock.seconds += 0.001
        if not self.is_settling:
            self.note(f"{worker.name}: {worker.call}: {fault}")
        worker.proceed(fault)
        if worker.dead:
            self.workers.remove(worker)

    def advance(self, seconds: float) -> None:
        self.clock.seconds += seconds
        for worker in [worker for worker in self.workers if worker.ends_at <= self.clock.seconds]:
            self.proceed(worker, Fault.TIMEOUT)

    def finish(self, worker: Worker) -> None:
        while not worker.dead:
            self.proceed(worker)


def _reason(fault: BaseException) -> str:
    if isinstance(fault, BaseExceptionGroup):
        return ", ".join(map(_reason, fault.exceptions))
    return f"{type(fault).__name__}: {fault}"


class _Engine:
    def decode(self) -> None:
        """Does nothing: a pause while a picture is decoded."""
