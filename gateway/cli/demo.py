"""`gateway demo`: a ready gateway with a user and the sandbox, in one command.

The user is made by a process of its own (`gateway.cli.demo_user`), while the workers start: it
needs what this process, which stays for as long as the demo runs, is better without.
"""

import json
import socket
import subprocess
import sys
from pathlib import Path

import click
from msgspec.structs import replace

from gateway.cli.options import data_dir_option
from gateway.cli.serve import serve_settings
from gateway.errors import ConfigError
from gateway.supervisor.run import run
from gateway.supervisor.settings import ChildSpec, Ready

_SETUP_LIMIT_S = 20

CONFIG = """\
# Written anew by each `gateway demo`. For a deployment, begin with config/gateway.yaml.
logging: {{level: warning}}
drain: {{notice_s: 0, limit_s: 5}}
user_defaults: {{provider: sandbox}}
providers:
  sandbox:
    type: openai
    base_url: "{origin}/openai/v1"
    default_model: sandbox-echo
  sandbox-anthropic:
    type: anthropic
    base_url: "{origin}/anthropic"
    default_model: sandbox-echo
models:
  overrides:  # made-up prices, so that there is a cost to look at
    sandbox: {{"*": {{price: {{input: 0.15, output: 0.60}}}}}}
    sandbox-anthropic: {{"*": {{price: {{input: 3, output: 15}}}}}}
"""

READY = """\

The gateway is ready on {url}   (Ctrl-C stops everything)

Ask it something, as the demo user, whose provider is the built-in sandbox:

  curl {url}/v1/chat/completions \\
    -H 'Authorization: Bearer {token}' \\
    -H 'Content-Type: application/json' \\
    -d '{{"messages": [{{"role": "user", "content": "Hello!"}}]}}'

The same with the OpenAI SDK (pip install openai):

  from openai import OpenAI
  client = OpenAI(base_url="{url}/v1", api_key="{token}")
  answer = client.chat.completions.create(
      model="auto", messages=[{{"role": "user", "content": "Hello!"}}])
  print(answer.choices[0].message.content)

What it used and cost:

  curl {url}/v1/me/usage -H 'Authorization: Bearer {token}'
"""

REAL = """
{variable} is set, so the demo user has a key for {provider}, too (sealed in {data_dir}). Ask for it
with "model": "{provider}/{model}".
"""


@click.command()
@data_dir_option
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535))
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 256))
def command(data_dir: Path, host: str, port: int, workers: int) -> None:
    """Serve with a ready user and the sandbox as provider; nothing else is needed."""
    home = (data_dir / "demo").resolve()
    sandbox_port = _free_port()
    try:
        config_path = _write_config(home, sandbox_port)
        settings = serve_settings(config_path, home, host, port, workers)
    except (ConfigError, OSError) as error:
        click.echo(f"gateway: {error}", err=True)
        sys.exit(1)
    sandbox = ChildSpec(
        name="sandbox",
        module="gateway",
        args=("sandbox", "--quiet", "--port", str(sandbox_port)),
        wait_for=("127.0.0.1", sandbox_port),
    )
    setup = subprocess.Popen(  # noqa: S603  # our own module
        [sys.executable, "-m", "gateway.cli.demo_user", str(config_path), str(home)],
        stdout=subprocess.PIPE,
    )
    try:
        status = run(
            replace(settings, extra=(sandbox,)), lambda ready: _welcome(ready, setup, home)
        )
    finally:
        setup.kill()
        setup.communicate()
    sys.exit(status)


def _write_config(home: Path, sandbox_port: int) -> Path:
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = home / "demo.yaml"
    path.write_text(CONFIG.format(origin=f"http://127.0.0.1:{sandbox_port}"), encoding="utf-8")
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _welcome(ready: Ready, setup: "subprocess.Popen[bytes]", home: Path) -> None:
    output, _ = setup.communicate(timeout=_SETUP_LIMIT_S)
    if setup.returncode != 0:
        click.echo("gateway: the demo user could not be made; see above", err=True)
        return
    made = json.loads(output)
    address = ready.addresses[0]
    host = f"[{address.host}]" if ":" in address.host else address.host
    click.echo(READY.format(url=f"http://{host}:{address.port}", token=made["token"]))
    for real in made["real"]:
        click.echo(REAL.format(data_dir=home, **real))
