/**
 * A Slurm cluster on this machine: the daemons that Debian packages, configured in a folder that goes with the test.
 *
 * Test support, imported by tests only.
 *
 * @module
 */
import assert from "node:assert/strict";
import { exists, inFolder } from "../test_kit.ts";

/** Commands for a cluster that runs. */
export interface Cluster {
  /** Runs a client of Slurm and gives what it prints, without the last line break. */
  call(program: string, ...args: string[]): Promise<string>;
  /** Waits until a condition holds; fails with what the daemons said after five minutes. */
  until(what: string, holds: () => Promise<boolean>): Promise<void>;
}

/** Why there can be no cluster here, or `undefined`. */
export async function whyNoSlurm(): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return "it needs Linux";
  const programs = ["munged", "sbatch", "slurmctld", "slurmd"];
  const found = await output("bash", ["-c", `command -v ${programs.join(" ")} || true`]);
  if (found.split("\n").length < programs.length) {
    return "it is not here; .ci/install slurm installs it on Debian";
  }
  return await output("id", ["-u"]) === "0" ? undefined : "only root can start it";
}

async function output(
  program: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<string> {
  const command = new Deno.Command(program, { args: [...args], env, stdout: "piped", stderr: "piped" });
  const { code, stdout, stderr } = await command.output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trimEnd();
  assert.equal(code, 0, `${program} ${args.join(" ")}: ${decode(stderr)}`);
  return decode(stdout);
}

/** Ports that nobody listens on now. */
function freePorts(count: number): number[] {
  const listeners = Array.from({ length: count }, () => Deno.listen({ hostname: "127.0.0.1", port: 0 }));
  const ports = listeners.map(({ addr }) => (addr as Deno.NetAddr).port);
  for (const listener of listeners) listener.close();
  return ports;
}

/** One slot a node, no accounting, no control groups: what runs in a container. */
function configure(folder: string, host: string, nodes: readonly string[]): string {
  const [control, ...ports] = freePorts(1 + nodes.length);
  return `ClusterName=test
SlurmctldHost=${host}(127.0.0.1)
SlurmctldPort=${control}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# A requeued job waits until its old credentials are void, by default two minutes.
AuthInfo=socket=${folder}/munge/socket,cred_expire=5
StateSaveLocation=${folder}/state
SlurmdSpoolDir=${folder}/spool-%n
SlurmctldPidFile=${folder}/slurmctld.pid
SlurmdPidFile=${folder}/slurmd-%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/builtin
SchedulerParameters=sched_min_interval=1,batch_sched_delay=0
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=2
MailProg=/bin/true
${
    nodes.map((node, i) =>
      `NodeName=${node} NodeHostname=${host} NodeAddr=127.0.0.1 Port=${ports[i]} CPUs=1 RealMemory=4096\n`
    ).join("")
  }PartitionName=all Nodes=ALL Default=YES State=UP
`;
}

/** Starts a cluster of nodes with one slot each, runs a test on it, and stops it. */
export function withSlurm(
  nodes: readonly string[],
  test: (cluster: Cluster, folder: string) => Promise<void>,
) {
  return inFolder(async (folder) => {
    // Munge and the jobs have to get to their files.
    await Deno.chmod(folder, 0o755);
    await Deno.mkdir(`${folder}/state`);
    await Deno.mkdir(`${folder}/munge`, { mode: 0o711 });
    await Deno.writeFile(`${folder}/munge/key`, crypto.getRandomValues(new Uint8Array(128)), { mode: 0o600 });
    const config = `${folder}/slurm.conf`;
    await Deno.writeTextFile(config, configure(folder, await output("hostname", []), nodes));
    const env = { SLURM_CONF: config };
    const daemons: Deno.ChildProcess[] = [];
    const logs: string[] = [];
    const reading: Promise<void>[] = [];
    const start = (program: string, ...args: string[]) => {
      const command = new Deno.Command(program, { args, env, stdout: "null", stderr: "piped" });
      const child = command.spawn();
      daemons.push(child);
      reading.push(
        child.stderr.pipeThrough(new TextDecoderStream()).pipeTo(
          new WritableStream({ write: (text) => void logs.push(text) }),
        ),
      );
    };
    const cluster: Cluster = {
      call: (program, ...args) => output(program, args, env),
      async until(what, holds) {
        for (const began = performance.now(); performance.now() - began < 300_000;) {
          if (await holds()) return;
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
        assert.fail(`${what} within five minutes\n${logs.join("")}`);
      },
    };
    const munge = (name: string) => `${folder}/munge/${name}`;
    try {
      const files = { socket: munge("socket"), "key-file": munge("key"), "log-file": munge("log") };
      const state = { "pid-file": munge("pid"), "seed-file": munge("seed") };
      start(
        "munged",
        "-F",
        ...Object.entries({ ...files, ...state }).map(([name, path]) => `--${name}=${path}`),
      );
      await cluster.until("munged did not start", () => exists(munge("socket")));
      start("slurmctld", "-D", "-f", config);
      for (const node of nodes) start("slurmd", "-D", "-N", node, "-f", config);
      await cluster.until("the nodes were not ready", async () => {
        const states = await cluster.call("sinfo", "-h", "-N", "-o", "%T").catch(() => "");
        return states.split("\n").filter((state) => state === "idle").length === nodes.length;
      });
      await test(cluster, folder);
    } finally {
      await cluster.call("scancel", "--full", "--user=root").catch(() => {});
      for (const child of daemons.reverse()) {
        child.kill("SIGTERM");
        await child.status;
      }
      await Promise.all(reading);
    }
  });
}
