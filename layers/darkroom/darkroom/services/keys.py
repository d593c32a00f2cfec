"""What the ledger and S3 know of one key, and the changes of the ledger that need no rendering."""

from dataclasses import dataclass, replace

from darkroom.domain.entries import Entry, Latest, State, SupersededRenditions
from darkroom.domain.errors import RevisionConflict
from darkroom.domain.reconcile import Known, Render, is_current
from darkroom.domain.uploads import NO_VERSION, Removal, S3Change, Upload
from darkroom.ports import TRANSACTION_ITEMS, Ledger, Originals
from darkroom.services.members import new_entry

# Maximum number of entries superseded in one transaction. Each takes two items: the entry, and the record of
# its renditions; 10 items are reserved for the upload. The others follow in further transactions.
_MAX_SUPERSEDED = (TRANSACTION_ITEMS - 10) // 2
# How often a key is read and changed for one message. If it changes more often meanwhile, it is left to the
# redelivery.
MAX_ROUNDS = 4
# If a key has at least this many listed versions, the outdated versions are removed from its list.
_LIVE_VERSIONS_KEPT = 20


@dataclass(frozen=True, slots=True)
class Keys:
    """Reads and changes the ledger's items of one key.

    Every change raises RevisionConflict if another worker has changed what it depends on.
    """

    originals: Originals
    ledger: Ledger

    def gather(self, change: S3Change) -> Known:
        """Reads the Latest item, then S3's current version, then the entries that matter."""
        picture_id = change.picture_id
        latest, current = self.ledger.latest(picture_id), self.originals.current(change.key)
        entry = self.ledger.find(picture_id, current.version) if current else None
        own = None if current and is_current(change, current) else self._own_entry(change)
        return Known(latest, current, entry, own)

    def _own_entry(self, change: S3Change) -> Entry | None:
        """Returns the entry of the change's own version; a new one for an upload."""
        if isinstance(change, Removal) and change.marker:
            return None
        entry = self.ledger.find(change.picture_id, change.version)
        if entry or isinstance(change, Removal) or change.version == NO_VERSION:
            return entry
        return new_entry(change, State.EXPECTED, self.ledger)

    def advance(self, *items: Entry | Latest | SupersededRenditions, unchanged: Latest | None = None) -> None:
        if not self.ledger.advance(*items, unchanged=unchanged):
            raise RevisionConflict("another worker changed the same picture")

    def end(self, entry: Entry, state: State) -> Entry:
        """Ends a version that is not the current one, as superseded or deleted."""
        ended = entry.moved(state, message="")
        superseded = ended.superseded_renditions(ended.rendition_keys) if state is State.SUPERSEDED else ()
        self.advance(ended, *superseded)
        return ended

    def entry_to_render(self, change: S3Change, render: Render) -> Entry:
        """Returns the entry of the current version, a new one if there is none.

        Its size, ETag and focus are S3's. It keeps the time and the correlation id of its first event, and
        the focus that was chosen last.
        """
        current, entry = render.current, render.entry
        chosen = entry.upload.chosen_focus if entry else ""
        if isinstance(change, Upload) and is_current(change, current):
            chosen = change.chosen_focus or chosen
        current = replace(current, chosen_focus=chosen)
        first: S3Change = entry.upload if entry else change
        if isinstance(first, Upload) and first.version == current.version:
            current = replace(current, arrived=first.arrived)
        current = replace(current, request_id=first.request_id or change.request_id)
        return replace(entry, upload=current) if entry else new_entry(current, State.RENDERING, self.ledger)

    def settle(self, latest: Latest | None, entry: Entry) -> list[Entry]:
        """Makes an upload with a result the latest. A failed one supersedes no other."""
        latest = latest or Latest(entry.picture_id)
        if entry.state is not State.FAILED:
            return self.supersede_others(latest, entry.upload.version)
        self.advance(latest.becoming(entry.upload.version))
        return []

    def supersede_others(
        self, latest: Latest, version: str, *items: Entry | SupersededRenditions
    ) -> list[Entry]:
        """Makes a version the latest and its key's only live one; returns the superseded entries.

        `items` are written in the same transaction as this, with as many of the superseded entries as it can
        hold.
        """
        others = [entry for entry in self.live_entries(latest) if entry.upload.version != version]
        superseded = [entry.moved(State.SUPERSEDED, message="") for entry in others]
        for begin in range(0, len(superseded) or 1, _MAX_SUPERSEDED):
            batch = superseded[begin : begin + _MAX_SUPERSEDED]
            remaining = {entry.upload.version for entry in superseded[begin + _MAX_SUPERSEDED :]}
            after = latest.becoming(version).with_only({version, *remaining})
            if (after.version, after.live_versions) == (latest.version, latest.live_versions):
                self.advance(*items, unchanged=latest)
            else:
                records = [
                    record for entry in batch for record in entry.superseded_renditions(entry.rendition_keys)
                ]
                self.advance(*items, *batch, *records, after)
            latest, items = after, ()
        return superseded

    def live_entries(self, latest: Latest | None) -> list[Entry]:
        """Reads the entries of the live versions of a key."""
        if latest is None:
            return []
        # Read one by one: there is usually only one, and the render role has no BatchGetItem.
        entries = (self.ledger.find(latest.picture_id, version) for version in latest.live_versions)
        return [entry for entry in entries if entry and entry.is_live]

    def next_latest(self, latest: Latest | None, picture_id: str, version: str) -> Latest:
        """Returns the Latest item of a key after `version` has become its latest one."""
        latest = latest or Latest(picture_id)
        # Publishing removes outdated versions from the list. But if a key is overwritten all the time, none
        # of its versions is published.
        if len(latest.live_versions) >= _LIVE_VERSIONS_KEPT:
            latest = latest.with_only({entry.upload.version for entry in self.live_entries(latest)})
        return latest.becoming(version)
