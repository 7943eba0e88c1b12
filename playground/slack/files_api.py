"""Methods of files: `files.getUploadURLExternal`, `files.completeUploadExternal`, `files.info`."""

import json
from typing import Any

from playground.slack.files import File
from playground.slack.people_api import writable_channel
from playground.slack.refusal import RefusalError
from playground.slack.workspace import BOT_USER_ID, Workspace

Arguments = dict[str, Any]
Answer = dict[str, Any]


def upload_url(workspace: Workspace, arguments: Arguments) -> Answer:
    """Answer `files.getUploadURLExternal`; the server makes an address of `path`."""
    try:
        length = int(str(arguments.get("length") or 0))
    except ValueError:
        raise RefusalError("invalid_arguments") from None
    file = workspace.files.announce(str(arguments.get("filename") or ""), length)
    return {"file_id": file.id, "path": f"/upload/{file.id}/{file.secret}"}


def complete_upload(workspace: Workspace, arguments: Arguments) -> Answer:
    """Answer `files.completeUploadExternal`: without a conversation the files stay private to the app."""
    given = arguments.get("files")
    try:
        wanted = json.loads(given) if isinstance(given, str) else given
        named = [(str(one["id"]), str(one.get("title") or "")) for one in wanted or ()]
    except (ValueError, TypeError, KeyError):
        raise RefusalError("invalid_arguments") from None
    if not named:
        raise RefusalError("invalid_arguments")
    channel = None
    if arguments.get("channel_id"):
        if arguments["channel_id"] in workspace.people:
            raise RefusalError("channel_not_found")  # a conversation's id, not a person's
        channel = writable_channel(workspace, arguments["channel_id"])
    files = [workspace.files.complete(file_id, title) for file_id, title in named]
    if channel is not None:
        comment = str(arguments.get("initial_comment") or "")
        workspace.post(
            channel.id,
            BOT_USER_ID,
            comment,
            via="files.completeUploadExternal",
            thread_ts=arguments.get("thread_ts"),
            files=tuple(file.id for file in files),
        )
        for file in files:
            file.shared_in.append(channel.id)
    return {"files": [{"id": file.id, "title": file.title} for file in files]}


def file_info(workspace: Workspace, arguments: Arguments) -> Answer:
    """Answer `files.info`."""
    file = workspace.files.by_id.get(str(arguments.get("file")))
    if file is None or file.content is None:
        raise RefusalError("file_not_found")
    return {"file": file_json(file)}


def file_json(file: File) -> Answer:
    """Return a file as Slack shows it."""
    return {"id": file.id, "name": file.name, "title": file.title, "size": file.length, "ims": list(file.shared_in)}
