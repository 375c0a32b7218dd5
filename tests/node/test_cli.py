"""The command line does what a station, a desk and an operator need, for people and programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from google.protobuf import json_format
from PIL import Image

from interfaces.eurodac.dataset import DataSet
from interfaces.formats import iso
from interfaces.pb.eurodac.central.v1 import terms_pb2
from interfaces.wire import dataset_to
from node import server
from node.access import Role
from node.assembly import Node
from node.cli import main
from node.server import Serving


@pytest.fixture
def serving(open_at: Callable[..., Node], tmp_path: Path) -> Iterator[Serving]:
    opened = server.serve(open_at(tmp_path / "dk", unsafe_plaintext=True, listen="127.0.0.1:0"))
    yield opened
    opened.stop()


Run = Callable[..., Result]


@pytest.fixture
def run(serving: Serving, tmp_path: Path) -> Run:
    """run("enrol", ..., role=): a command against the node, under a role."""

    def run_(*arguments: str, role: Role = Role.ASYLUM_DESK) -> Result:
        line = [
            *("--node", f"127.0.0.1:{serving.doorway.port}", "--pki", str(tmp_path)),
            *("--unsafe-plaintext", f"C=DK,O=Unit 1,OU={role},CN=anna"),
        ]
        return CliRunner().invoke(main, [*arguments, *line], catch_exceptions=False)

    return run_


@pytest.fixture
def files(
    tmp_path: Path, applicant: DataSet, capture_of: Callable[..., terms_pb2.Capture]
) -> list[str]:
    """The options of an enrolment whose files lie in a folder."""
    capture = capture_of(1)
    options = []
    for finger in capture.fingers:
        path = tmp_path / f"finger-{finger.position}.png"
        path.write_bytes(finger.image)
        options += ["--finger", f"{finger.position}={path}"]
    (tmp_path / "face.png").write_bytes(capture.face.image)
    options += ["--face", str(tmp_path / "face.png")]
    for missing in capture.missing_fingers:
        options += ["--missing", f"{missing.position}=XX"]
    return options


@pytest.fixture
def person(tmp_path: Path, applicant: DataSet) -> str:
    path = tmp_path / "person.json"
    path.write_text(json_format.MessageToJson(dataset_to(applicant)))
    return str(path)


def test_a_person_is_enrolled_found_compared_and_followed(
    run: Run, files: list[str], person: str
) -> None:
    enrolled = run("enrol", "--data-set", person, *files, "--json")
    assert enrolled.exit_code == 0, enrolled.output
    number = json.loads(enrolled.stdout)["referenceNumber"]
    fingers = files[: files.index("--face")]
    found = json.loads(run("search", *fingers, "--json").stdout)
    assert [one["referenceNumber"] for one in found["candidates"]] == [number]
    compared = json.loads(run("compare", number, *fingers, "--json").stdout)
    assert compared["outcome"] == "OUTCOME_MATCH"
    case = json.loads(run("case", number, "--json").stdout)
    assert case["delivery"] == "DELIVERY_QUEUED"
    due = json.loads(run("due", "--json").stdout)
    assert [task["kind"] for task in due["tasks"]] == ["TRANSMIT"]


def test_a_desk_works_with_the_clock_of_a_case(
    run: Run, files: list[str], person: str, tmp_path: Path
) -> None:
    enrolled = run("enrol", "--data-set", person, *files, "--json")
    number = json.loads(enrolled.stdout)["referenceNumber"]
    asked = run("event", number, "TAKE_CHARGE_ASKED", "--at", "2026-09-01T12:00+00:00")
    assert asked.exit_code == 1
    assert "V04" in asked.output
    asked = run(
        *("event", number, "TAKE_CHARGE_ASKED", "--state", "IT"),
        *("--at", "2026-09-01T12:00+00:00", "--json"),
    )
    event_id = json.loads(asked.stdout)["recorded"][0]["eventId"]
    shown = run("clock", number).stdout
    assert "take charge asked" in shown
    assert "the request counts as accepted" in shown
    assert "AWAIT_REPLY" in run("due").stdout
    assert "AWAIT_REPLY" in run("due", "--format", "csv").stdout
    assert run("due", "--format", "ics", "--out", str(tmp_path / "due.ics")).exit_code == 0
    assert (tmp_path / "due.ics").read_bytes().startswith(b"BEGIN:VCALENDAR\r\n")
    assert run("withdraw-event", event_id).exit_code == 0
    assert "take charge asked" not in run("clock", number).stdout


def test_a_supervisor_reads_the_return_indicators(run: Run, files: list[str], person: str) -> None:
    enrolled = run("enrol", "--data-set", person, *files, "--json")
    number = json.loads(enrolled.stdout)["referenceNumber"]
    months = ("2026-08-01", "2026-10-01")
    assert "nothing was recorded" in run("indicators", *months, role=Role.SUPERVISOR).stdout
    told = run("return-event", number, "RETURNED_VOLUNTARILY", "--at", "2026-08-31")
    assert told.exit_code == 0, told.output
    assert "100.0%" in run("indicators", *months, role=Role.SUPERVISOR).stdout


def test_answers_are_tables_for_people(run: Run, files: list[str], person: str) -> None:
    enrolled = run("enrol", "--data-set", person, *files)
    assert "accepted" in enrolled.stdout
    assert "right index" in enrolled.stdout
    assert "transmit by" in enrolled.stdout
    assert "TRANSMIT" in run("due").stdout
    assert "agrees with the store" in run("status").stdout


def test_the_same_request_id_gives_the_same_number(run: Run, files: list[str], person: str) -> None:
    arguments = ["enrol", "--data-set", person, *files, "--request-id", "one", "--json"]
    assert run(*arguments).stdout == run(*arguments).stdout


def test_a_refusal_is_told_with_rule_and_remedy_and_ends_with_an_error(
    run: Run, files: list[str], person: str
) -> None:
    without = files[: files.index("--missing")]
    refused = run("enrol", "--data-set", person, *without)
    assert refused.exit_code == 1
    assert "Q03" in refused.output
    assert "declare it amputated" in refused.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--finger", "2"], "CODE=FILE"),
        (["--finger", "77=x"], "no file"),
        (["--missing", "2=ZZ"], "amputated"),
        (["--missing", "two=XX"], "1 to 15"),
    ],
)
def test_wrong_options_are_explained_before_anything_is_sent(
    run: Run, arguments: list[str], said: str
) -> None:
    wrong = run("search", *arguments)
    assert wrong.exit_code == 2
    assert said in wrong.output


def test_a_data_set_that_is_none_is_explained(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "person.json"
    path.write_text('{"surname": "Doe"}')
    wrong = run("enrol", "--data-set", str(path))
    assert wrong.exit_code == 2
    assert "states no data set" in wrong.output


def test_quality_is_judged_without_storing(run: Run, files: list[str], serving: Serving) -> None:
    judged = json.loads(run("quality", *files, "--json").stdout)
    assert judged["sufficient"]
    assert len(serving.node.gallery) == 0


def test_a_role_without_the_right_is_refused(run: Run) -> None:
    refused = run("due", role=Role.AUDITOR)
    assert refused.exit_code == 1
    assert "PERMISSION_DENIED" in refused.output


def test_trial_certificates_are_made_and_never_made_anew(tmp_path: Path) -> None:
    arguments = ["pki", "init", "--state", "DK", "--folder", str(tmp_path / "pki")]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    assert {path.stem for path in (tmp_path / "pki").glob("*.pem")} >= {"ca", "nap", "server"}
    again = CliRunner().invoke(main, arguments)
    assert again.exit_code == 1
    assert "never overwritten" in again.output


def test_the_nets_are_listed_with_licence_and_hash() -> None:
    listed = json.loads(CliRunner().invoke(main, ["models", "list", "--json"]).stdout)
    assert {"id", "licence", "sha256"} <= listed[0].keys()


@pytest.mark.usefixtures("engine")
def test_kernels_are_compiled_by_a_command_and_found_where_it_says() -> None:
    line = CliRunner().invoke(main, ["models", "compile"]).stdout.strip()
    assert any(Path(line.rpartition(" ")[2]).rglob("*.nbc"))


def test_kernels_without_nets_are_explained(tmp_path: Path) -> None:
    wrong = CliRunner().invoke(main, ["models", "compile", "--models", str(tmp_path)])
    assert wrong.exit_code == 1
    assert "eurodac-node models prepare" in wrong.output


def test_settings_that_lack_something_are_explained(tmp_path: Path) -> None:
    (tmp_path / "node.toml").write_text('member_state = "DK"\n')
    wrong = CliRunner().invoke(main, ["vault", "init", "--settings", str(tmp_path / "node.toml")])
    assert wrong.exit_code == 1
    assert "data_folder" in wrong.output


def test_a_node_that_is_not_there_is_not_healthy(tmp_path: Path) -> None:
    arguments = ["health", "--node", "127.0.0.1:9", "--unsafe-plaintext"]
    asked = CliRunner().invoke(main, arguments)
    assert (asked.exit_code, asked.stdout.strip()) == (1, "not serving")


def test_the_audit_chain_is_verified_where_the_store_lies(
    tmp_path: Path, open_at: Callable[..., Node]
) -> None:
    open_at(tmp_path / "it", state="IT")
    settings = tmp_path / "node.toml"
    settings.write_text(f'member_state = "IT"\ndata_folder = "{tmp_path / "it"}"\n')
    verified = CliRunner().invoke(main, ["audit", "verify", "--settings", str(settings)])
    assert "unbroken" in verified.output


def test_one_image_is_judged_extracted_exported_and_shown_stage_by_stage(
    tmp_path: Path, capture_of: Callable[..., terms_pb2.Capture]
) -> None:
    image, record, stages = tmp_path / "a.png", tmp_path / "a.iso", tmp_path / "stages"
    image.write_bytes(capture_of(1).fingers[0].image)
    arguments = [str(image), "--iso", str(record), "--stages", str(stages), "--json"]
    (found,) = json.loads(CliRunner().invoke(main, ["extract", *arguments]).stdout)
    assert found["minutiae"] > 20
    (exported,) = iso.read_records(record.read_bytes())
    assert len(exported.minutiae) == found["minutiae"]
    assert len(list(stages.glob("*.png"))) >= 4


def test_an_image_without_resolution_is_refused_with_the_remedy(tmp_path: Path) -> None:
    image = tmp_path / "a.png"
    Image.new("L", (300, 300), 255).save(image)
    refused = CliRunner().invoke(main, ["extract", str(image)])
    assert refused.exit_code == 1
    assert "Q05" in refused.output


def test_supervisors_declare_and_auditors_keep_records(run: Run) -> None:
    """What one supervisor proposed the same cannot approve; both see where it stands."""
    proposed = run(
        "propose-declaration",
        "CRISIS_REGISTRATION",
        *("--state", "DK", "--from", "2026-09-01", "--until", "2026-09-30"),
        *("--decision", "2026/77"),
        role=Role.SUPERVISOR,
    )
    assert proposed.exit_code == 0, proposed.output
    approved = run("approve-declaration", proposed.stdout.strip(), role=Role.SUPERVISOR)
    assert approved.exit_code == 1
    assert "V21" in approved.output
    listed = run("declarations", "--json")
    (one,) = json.loads(listed.stdout)["declarations"]
    assert (one["state"], one["article"]) == ("STATE_PROPOSED", "CFMR 10(1)")
    shown = run("declarations").stdout
    assert all(word in shown for word in ("CFMR", "2026/77", "proposed"))
    begun = run("begin-monitoring", role=Role.AUDITOR)
    assert begun.exit_code == 0, begun.output
    ended = run("end-monitoring", begun.stdout.strip(), role=Role.AUDITOR)
    assert ended.exit_code == 0, ended.output


def test_a_child_at_risk_whose_capture_failed_is_referred(run: Run) -> None:
    told = ("obstacle", "--category", "APPLICANT_REG", "--born", "2020-05-01", "--refused")
    done = run(*told, "--safeguarding-risk", "--file", "DK-2026-17", "--json")
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert "MEASURE_CHILD_PROTECTION_REFERRAL" in answer["measures"]
    assert answer["taskId"]
    lost = run(*told, "--safeguarding-risk")
    assert lost.exit_code != 0
    assert "national_file_number" in lost.output
