"""The results of all runs. A batch is one transaction."""

from __future__ import annotations

import difflib
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import Connection
from sqlite3 import Row as SqliteRow
from types import MappingProxyType
from typing import Self

from ggufeval.errors import StoreError, UsageError
from ggufeval.store import database, prompts, queries, repeats, rows, vocabulary
from ggufeval.store.vocabulary import Key
from ggufeval.types import Prompts, Question, Record, Repeat, Run, RunResult, RunStatus


class Store:
    """One SQLite file. Use as a context manager.

    A crash or a power cut costs at most the batch in flight. Several processes may write at once.
    Every method raises StoreError where the file cannot be read or written.
    """

    def __init__(self, path: Path, db: Connection) -> None:
        self.path = path
        self._db = db
        self._last: tuple[str, Prompts | None] = ("", None)

    @classmethod
    def open(cls, path: Path, *, create: bool = True, read_only: bool = False) -> Self:
        """Open the file, or make it with its folders; `read_only` never makes it.

        Raises StoreError where it is not there, is another program's, is newer than this ggufeval,
        is locked, or cannot be written.
        """
        path = Path(path).absolute()
        db = database.connect(path, create=create and not read_only, read_only=read_only)
        return cls(path, db)

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- writing ---

    def begin(
        self,
        run: Run,
        questions: Sequence[Question],
        sent: Prompts | None = None,
        *,
        force: bool = False,
    ) -> str:
        """The id of the run with this fingerprint, begun unless it is there.

        `force` begins a further attempt, once the last one is finished. `run` comes without what
        is the store's to say: the id, the status, what is summed over batches and, where it is
        empty, `created`. `sent` are the prompts of its plan.
        """
        digest = run.fingerprint.digest
        with self._transaction():
            if sent:
                prompts.put(self._db, run.fingerprint.plan_hash, sent)
            last = self._db.execute(
                "SELECT id, attempt, status FROM runs WHERE digest = ? ORDER BY attempt DESC",
                (digest,),
            ).fetchone()
            if last and not (force and last["status"] != RunStatus.RUNNING.value):
                return str(last["id"])
            attempt = last["attempt"] + 1 if last else 1
            run_id = digest[:12] + (f"-{attempt}" if attempt > 1 else "")
            self._put_questions(run.fingerprint.questions_sha256, questions)
            rows.insert(self._db, "models", rows.to_model(run.model), replace_old=True)
            created = run.created or datetime.now(UTC).isoformat(timespec="seconds")
            rows.insert(self._db, "runs", rows.to_run(run, run_id, attempt, created))
        return run_id

    def add_batch(
        self,
        run_id: str,
        position: int,
        chain: str,
        records: Iterable[Record],
        *,
        n_tokens: int,
        seconds: float,
        peak_rss_bytes: int = 0,
        vocabularies: Mapping[Key, bytes] = MappingProxyType({}),
    ) -> None:
        """Store a batch with its records, all or nothing, and only once.

        `chain` is the plan's hash after this batch. The run's peak of memory is the greatest of
        its batches'. `vocabularies` as in `add_vocabularies`.
        """
        batch = {
            "run_id": run_id,
            "position": position,
            "chain": chain,
            "n_tokens": n_tokens,
            "seconds": seconds,
        }
        with self._transaction(), database.alone(self.path, run_id):
            rows.insert(self._db, "batches", batch)
            for record in records:
                asked = self._db.execute(queries.ASKED, (record.question_id, run_id)).fetchone()
                if not asked:
                    raise StoreError(
                        f"{self.path}: the questions of run {run_id} were expected to hold "
                        f"{record.question_id}, and do not. The batch was not stored."
                    )
                rows.insert(self._db, "records", rows.to_record(record, run_id, position))
            vocabulary.put(self._db, run_id, vocabularies)
            self._db.execute(
                "UPDATE runs SET peak_rss = MAX(peak_rss, ?) WHERE id = ?", (peak_rss_bytes, run_id)
            )

    def add_vocabularies(self, run_id: str, vocabularies: Mapping[Key, bytes]) -> None:
        """Store what some of the run's records say of all tokens: see `LetterScores.vocabulary`."""
        with self._transaction(), database.alone(self.path, run_id):
            vocabulary.put(self._db, run_id, vocabularies)

    def finish(self, run_id: str, status: RunStatus = RunStatus.DONE) -> None:
        """Mark a run as done, or stopped."""
        with self._transaction():
            self._db.execute(
                "UPDATE runs SET status = ? WHERE id = ?", (status.value, self._id(run_id))
            )

    def begin_sweep(self) -> int:
        """The number of a new sweep: runs that belong together."""
        with self._transaction():
            created = datetime.now(UTC).isoformat(timespec="seconds")
            cursor = self._db.execute("INSERT INTO sweeps (created) VALUES (?)", (created,))
            return int(cursor.lastrowid or 0)

    def add_to_sweep(self, sweep: int, run_id: str) -> None:
        """Let a run belong to a sweep, behind those that already do."""
        with self._transaction(), database.alone(self.path, run_id):
            self._db.execute(
                "INSERT OR IGNORE INTO sweep_runs (sweep_id, run_id) VALUES (?, ?)",
                (sweep, self._id(run_id)),
            )

    def delete(self, run_id: str) -> None:
        """Remove a run, and the model, the questions and the prompts that no other run needs."""
        with self._transaction():
            self._db.execute("DELETE FROM runs WHERE id = ?", (self._id(run_id),))
            for table, column, used in (
                ("models", "sha256", "model_sha256"),
                ("questions", "questions_sha256", "questions_sha256"),
                ("prompts", "plan_hash", "json_extract(fingerprint, '$.plan_hash')"),
            ):
                self._db.execute(
                    f"DELETE FROM {table} WHERE {column} NOT IN (SELECT {used} FROM runs)"  # noqa: S608
                )

    # --- reading ---

    def done_batches(self, run_id: str) -> set[int]:
        """Positions of the batches that are stored."""
        return set(self.chain(run_id))

    def chain(self, run_id: str) -> dict[int, str]:
        """Position -> the plan's hash after that batch, of the batches that are stored."""
        query = "SELECT position, chain FROM batches WHERE run_id = ? ORDER BY position"
        return {row["position"]: row["chain"] for row in self._rows(query, self._id(run_id))}

    def run(self, run_id: str) -> Run:
        """The run with this id, or the only one whose id begins so.

        Raises UsageError where there is none, or more than one.
        """
        (run,) = self._runs("WHERE runs.id = ?", self._id(run_id))
        return run

    def runs(self) -> tuple[Run, ...]:
        """All runs, newest first: in the order in which they came here, whatever the clock said."""
        return self._runs("ORDER BY runs.rowid DESC")

    def latest(self) -> tuple[Run, ...]:
        """The runs of the last sweep that has any, in its order."""
        query = (
            "SELECT run_id FROM sweep_runs"
            " WHERE sweep_id = (SELECT MAX(sweep_id) FROM sweep_runs) ORDER BY position"
        )
        return tuple(self.run(row["run_id"]) for row in self._rows(query))

    def result(self, run_id: str) -> RunResult:
        """The run with its records so far, the questions that these answer, and its prompts.

        The first two are in the order of the question set; a question's rotations stand together.
        """
        run = self.run(run_id)
        found = self._rows(queries.RECORDS, run.fingerprint.questions_sha256, run.id)
        with self._decoding(f"run {run.id}"):
            questions = {row["question_id"]: rows.from_question(row) for row in found}
            positions = {row["question_id"]: row["position"] for row in found}
            records = tuple(rows.from_record(row) for row in found)
        return RunResult(
            run,
            tuple(questions.values()),
            records,
            tuple(positions.values()),
            self._prompts(run.fingerprint.plan_hash),
        )

    def questions(self, run_id: str) -> tuple[Question, ...]:
        """All that the run is to answer, in its order."""
        sha256 = self.run(run_id).fingerprint.questions_sha256
        with self._decoding(f"the questions of run {run_id}"):
            return tuple(rows.from_question(r) for r in self._rows(queries.QUESTIONS, sha256))

    def batches(self, run_id: str) -> dict[int, list[Key]]:
        """Position -> what was answered in that batch, in the plan's order."""
        found: dict[int, list[Key]] = {}
        for row in self._rows(queries.BATCHES, self._id(run_id)):
            found.setdefault(row["batch"], []).append((row["question_id"], row["rotation"]))
        return found

    def vocabularies(self, run_id: str) -> set[Key]:
        """The records whose vocabularies are stored."""
        with database.explained(self.path):
            return vocabulary.keys(self._db, run_id)

    def paired_vocabularies(self, mine: str, theirs: str) -> Iterator[tuple[Key, bytes, bytes]]:
        """Those of two runs, where both have one, one record at a time: they may be large."""
        with database.explained(self.path), self._decoding("the probabilities of all tokens"):
            yield from vocabulary.pairs(self._db, mine, theirs)

    def repeat(self, result: RunResult) -> Repeat | None:
        """The same file's answers to the same questions in other batches; of several such runs,
        those of the one that has most. None without any."""
        mine = self._places(result.run)
        others = [
            (repeats.elsewhere(mine, self._places(other)), other.id)
            for other in self._runs("WHERE models.sha256 = ?", result.run.model.sha256)
            if repeats.is_repeat(result.run, other)
        ]
        best = None
        for keys, other_id in sorted(others, key=lambda pair: (-len(pair[0]), pair[1])):
            most = len(best.pairs) if best else 0
            if len(keys) <= most:
                break
            found = repeats.paired(result, self.result(other_id), keys)
            best = found if len(found.pairs) > most else best
        return best

    # --- the inside ---

    def _places(self, run: Run) -> repeats.Places:
        found = self._rows(queries.PLACES, run.fingerprint.questions_sha256, run.id)
        return repeats.places(
            ((row["question_id"], row["rotation"]), row["batch"]) for row in found
        )

    def _transaction(self) -> AbstractContextManager[None]:
        return database.transaction(self._db, self.path)

    def _put_questions(self, sha256: str, questions: Sequence[Question]) -> None:
        known = "SELECT 1 FROM questions WHERE questions_sha256 = ?"
        if self._db.execute(known, (sha256,)).fetchone():
            return
        for position, question in enumerate(questions):
            rows.insert(self._db, "questions", rows.to_question(question, sha256, position))

    def _prompts(self, plan_hash: str) -> Prompts | None:
        """Those read last are at hand: runs of one plan, which share them, are read in a row."""
        if self._last[0] != plan_hash:
            with database.explained(self.path), self._decoding("its prompts"):
                found = prompts.get(self._db, plan_hash)
            self._last = plan_hash if found else "", found
        return self._last[1]

    def _rows(self, query: str, *values: object) -> list[SqliteRow]:
        with database.explained(self.path):
            return self._db.execute(query, values).fetchall()

    def _runs(self, clause: str, *values: object) -> tuple[Run, ...]:
        found = self._rows(f"{queries.RUNS} {clause}", *values)
        with self._decoding("a run"):
            return tuple(rows.from_run(row) for row in found)

    def _id(self, prefix: str) -> str:
        known = [str(row["id"]) for row in self._rows("SELECT id FROM runs ORDER BY rowid DESC")]
        if prefix in known:
            return prefix
        found = [run_id for run_id in known if prefix and run_id.startswith(prefix)]
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(f"{prefix!r} begins the ids of several runs: {', '.join(found)}.")
        raise UsageError(f"No run is called {prefix!r}. {_near(prefix, known)}")

    @contextmanager
    def _decoding(self, what: str) -> Iterator[None]:
        try:
            yield
        except (ValueError, TypeError, KeyError, AttributeError, struct.error) as error:
            raise StoreError(
                f"{self.path}: {what} cannot be read back ({error!r}): something else wrote to the "
                "file, or it is damaged. Go on with a copy, or with another file."
            ) from error


def _near(name: str, known: Sequence[str]) -> str:
    if not known:
        return "None is stored yet."
    near = difflib.get_close_matches(name, known, n=3) or known[:5]
    return f"Known: {', '.join(near)}."
