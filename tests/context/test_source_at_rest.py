"""What records leave in the store and its append-only file: nothing of what they say."""

from datetime import timedelta

from gateway.config.kinds import BUILTIN_KINDS
from gateway.store import names
from gateway.store.client import RedisStore
from gateway.types.context import Record
from tests.canary import Canaries
from tests.context.scene import TODAY, drafts_of, make_context
from tests.identity.test_at_rest import dump, log_files, spellings


async def test_b19_nothing_of_a_record_is_readable_in_the_store_or_its_file(
    store: RedisStore, canary: Canaries
) -> None:
    """B-19. Canaries in every member of every stored kind, and in the ids, which applications make
    of what they know: not twelve characters of one are there. Deleted and replaced ones included."""
    scene = make_context(store)
    user = await scene.new_user()
    secrets = []
    for kind in BUILTIN_KINDS.values():
        if not kind.stored:
            continue
        single = kind.name == "profile"
        records = []
        for number in range(1 if single else 3):
            record_id = "profile" if single else canary.mint("ID-")
            fields = {field.name: canary.mint(f"{field.name[:3]}-") for field in kind.fields}
            fields |= {"name": canary.mint("nam-"), "free": canary.mint("fre-")} if single else {}
            day = TODAY - timedelta(number) if kind.dated else None
            records.append(Record(record_id, day, fields))
            secrets += [*fields.values(), *([] if single else [record_id])]
        score = {"score": 5} if kind.keeps_history_of else {}
        scored = [Record(each.id, each.day, {**each.fields, **score}) for each in records]
        await scene.source.put(user.keys, kind, drafts_of(scored), TODAY)
        await scene.source.put(user.keys, kind, drafts_of(scored[:1]), TODAY + timedelta(1))
        await scene.source.delete(user.id, kind.name, scored[-1].id)

    found = await dump(store)
    _, folder = await store.run("CONFIG", "GET", "dir")
    logs = log_files(folder.decode())

    marker = names.context_days(user.id, "entries").encode()
    assert marker in found
    assert any(marker in log for log in logs)
    assert len(secrets) > 30
    for secret in secrets:
        for spelling in spellings(secret):
            assert spelling not in found
            assert not any(spelling in log for log in logs)
