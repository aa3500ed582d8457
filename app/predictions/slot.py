"""The inference process of a worker, and how it gets to know another model without a gap."""

import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from app.ecgs.tables import Ecg
from app.kit.folders import Folders
from app.kit.store import ObjectFault, StoreUnavailable
from app.predictions.child import AboutEcg, ChildDied, Reply, WarmChild
from app.predictions.tables import Prediction
from app.trials.tables import Trial
from ml.formats.recording import Recording

log = structlog.get_logger(__name__)

ANSWER_WITHIN_S = 60.0
MOST_BYTES = 2**26
"""Of the signals that are asked about together; a longer one is asked about alone."""

AskedAbout = Prediction | Trial


@dataclass(frozen=True, eq=False)
class Put:
    """A claimed question, with the recording that it is about."""

    asked: AskedAbout
    recording: Recording
    ecg: Ecg | None = None

    @property
    def size_bytes(self) -> int:
        """The size of its signal as it is sent."""
        return 8 * self.recording.samples.size


Replies = Sequence[tuple[Put, Reply]]
Answered = Callable[[Replies], None]
"""Takes questions and their replies, as soon as there are some."""


class Slot:
    """A child that answers. A model that it would have to load first is loaded by a second child.

    The first goes on meanwhile. It is replaced by the second once that has answered, and knows the first one's models,
    too. So a promotion leaves no gap, and a model that cannot be loaded, or that ends its process, harms no question to
    another.
    """

    def __init__(self, child: WarmChild, folders: Folders) -> None:
        self._child, self._folders = child, folders
        self._paths: dict[uuid.UUID, Path] = {}  # of the models that were asked
        self._loader: threading.Thread | None = None
        self._loaded_it = threading.Event()  # or could not
        self._ready: WarmChild | None = None

    def known(self) -> list[uuid.UUID] | None:
        """Return the models that can be asked now; None for any, while no model is being loaded."""
        self._settle()
        return None if self._loader is None else self._loaded()

    def can_ask(self, model_id: uuid.UUID) -> bool:
        """Return whether the child answers this model's questions without keeping another's waiting."""
        return not (loaded := self._loaded()) or model_id in loaded

    def ask(self, put: Sequence[Put], answered: Answered) -> None:
        """Ask the child."""
        self._ask(self._child, put, answered)

    def warm(self, model_id: uuid.UUID) -> None:
        """Load a model where none is loaded, before anything is asked. What goes wrong is found by who asks it."""
        if not self._loaded():
            with suppress(ObjectFault, StoreUnavailable, ChildDied):
                self._load_into(self._child, model_id)

    def load_and_ask(self, put: Sequence[Put], answered: Answered, over: Callable[[], None]) -> None:
        """Let a second child load the model of these questions and answer them, in a thread that calls `over` last."""
        self._begin(put[0].asked.model_id, lambda candidate: self._ask(candidate, put, answered), over)

    def load(self, model_id: uuid.UUID, over: Callable[[], None]) -> None:
        """Let a second child load a model that is about to be asked, unless it is known, or another is being loaded."""
        self._settle()
        if self._loader is None and model_id not in self._loaded():
            self._begin(model_id, lambda candidate: self._load_into(candidate, model_id), over)

    def _begin(self, model_id: uuid.UUID, use: Callable[[WarmChild], None], over: Callable[[], None]) -> None:
        """Start a second child, which takes over from the first once `use` has made it load the model."""
        assert self._loader is None
        candidate, before = self._child.another(), [self._paths[each] for each in self._loaded()]

        def load() -> None:
            try:
                candidate.start()
                use(candidate)
                path = self._paths.get(model_id)
                if path in candidate.loaded:
                    candidate.load([*before[-2:], path], timeout_s=ANSWER_WITHIN_S)
                    self._ready = candidate
            except (ChildDied, ObjectFault, StoreUnavailable) as error:
                log.warning("model_not_taken_over", why=str(error))
            finally:
                if self._ready is None:
                    candidate.end()
                self._loaded_it.set()
                over()

        self._loaded_it.clear()
        self._loader = threading.Thread(target=load, name="model-loader", daemon=True)
        self._loader.start()

    def _load_into(self, child: WarmChild, model_id: uuid.UUID) -> None:
        with self._folders.opened("models", model_id) as bundle:
            self._paths[model_id] = bundle
            child.load([bundle], timeout_s=ANSWER_WITHIN_S)

    def close(self) -> None:
        """Wait for the second child."""
        if self._loader is not None:
            self._loader.join()
        self._settle()

    def _settle(self) -> None:
        """Replace the child by the second one, if that is ready."""
        if self._loader is None or not self._loaded_it.is_set():
            return
        self._loader.join()
        self._loader = None
        if self._ready is not None:
            self._child.take_over(self._ready)
            self._ready = None

    def _loaded(self) -> list[uuid.UUID]:
        loaded = self._child.loaded
        return [model_id for path in loaded for model_id, known in self._paths.items() if known == path]

    def _ask(self, child: WarmChild, put: Sequence[Put], answered: Answered) -> None:
        for part in _parts(put):
            answered(list(zip(part, self._replies(child, part), strict=True)))

    def _replies(self, child: WarmChild, put: Sequence[Put]) -> list[Reply]:
        """Return a reply to each."""
        with ExitStack() as stack:
            replies: dict[int, Reply] = {}
            questions: dict[int, AboutEcg] = {}
            for number, (asked, recording) in enumerate((each.asked, each.recording) for each in put):
                try:
                    bundle = stack.enter_context(self._folders.opened("models", asked.model_id))
                except ObjectFault:
                    detail = "the model's files are missing, or are not those that were registered"
                    replies[number] = {"error": {"code": "bundle_damaged", "detail": detail}}
                    continue
                except StoreUnavailable as error:
                    replies[number] = {"error": {"code": "store_unavailable", "detail": str(error)}}
                    continue
                self._paths[asked.model_id] = bundle
                phrases = asked.phrases if isinstance(asked, Prediction) else ()
                questions[number] = AboutEcg(bundle, recording.millivolts(), recording.sampling_rate_hz, phrases)
            found = child.ask_each(list(questions.values()), timeout_s=ANSWER_WITHIN_S)
            replies.update(zip(questions, found, strict=True))
        return [replies[number] for number in range(len(put))]


def _parts(put: Sequence[Put]) -> Iterator[list[Put]]:
    """Yield questions to be asked together, the short ones first, so that none waits for a long one."""
    part: list[Put] = []
    for each in sorted(put, key=lambda each: each.size_bytes):
        if part and sum(other.size_bytes for other in part) + each.size_bytes > MOST_BYTES:
            yield part
            part = []
        part.append(each)
    if part:
        yield part
