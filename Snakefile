# One job a step of the plan that `fluxlib.workflow.engine` writes: what runs when, beside what, and
# where. A step's results are in the store, under the key of all that they depend on; the files
# here only say that it has ended.
import json
from pathlib import Path

jobs = json.loads(Path(config["jobs"]).read_text(encoding="utf-8"))
steps = jobs["steps"]


rule all:
    input:
        [f"{steps[key]['step']}/{key}.done" for key in steps],


for notebook in sorted({step["step"] for step in steps.values()}):

    rule:
        name:
            f"run_{notebook}"
        input:
            lambda wildcards: [
                f"{steps[key]['step']}/{key}.done" for key in steps[wildcards.key]["inputs_here"]
            ],
        output:
            touch(f"{notebook}/{{key}}.done"),
        priority: jobs["priorities"][notebook]
        threads: jobs["threads"]
        resources:
            mem_mb=jobs["memory"],
        params:
            python=jobs["python"],
            jobs=config["jobs"],
        shell:
            "{params.python:q} -P -m fluxlib step {params.jobs:q} {wildcards.key} {threads}"
