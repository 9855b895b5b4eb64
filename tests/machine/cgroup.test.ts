import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { constants, enums, errnos } from '../../src/abi/index.ts';
import { createMachine, type EngineName } from '../../src/index.ts';
import {
  bootMachine,
  bpfSyscall,
  Process,
  resumeMachine,
  saveMachine,
} from '../../src/machine/index.ts';
import { assemble, encodeCode } from '../../src/isa/index.ts';
import { helperId } from '../../src/abi/index.ts';

const object = readFileSync(new URL('../../examples/cgroup-policy/policy.bpf.o', import.meta.url));
const engines: readonly EngineName[] = ['interpreter', 'wasm'];
const { BPF_CGROUP_INET_SOCK_CREATE: CREATE } = enums.bpf_attach_type;
const { BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_CGROUP_STORAGE } = enums.bpf_map_type;

/** A machine and a process of it that loads programs for new sockets. */
async function booted(engine: EngineName = 'wasm') {
  const { machine, network } = await bootMachine({ engine });
  const process = new Process(machine);
  const bpf = bpfSyscall(process);
  const load = (text: string, map = -1): number => {
    const insns = encodeCode(
      assemble(text, { helper: (name) => helperId(name.replace('bpf_', '')) }).code,
    );
    const view = new DataView(insns.buffer, insns.byteOffset);
    for (let at = 0; at < insns.length; at += 8) {
      if (insns[at] !== 0x18) continue;
      insns[at + 1]! |= 1 << 4;
      view.setUint32(at + 4, map, true);
      at += 8;
    }
    const { BPF_PROG_TYPE_CGROUP_SOCK: progType } = enums.bpf_prog_type;
    const insnCnt = insns.length / 8;
    return bpf.progLoad({ progType, insnCnt, insns, license: 'GPL', expectedAttachType: CREATE });
  };
  const socket = (path: string) =>
    network.namespace('').socket({ type: 'udp', cgroup: machine.cgroup(path) });
  return { machine, process, bpf, load, socket };
}

/** Adds one to the number in its cgroup's storage. */
const COUNT = `r1 = 0 ll
r2 = 0
call bpf_get_local_storage
r1 = *(u64 *)(r0 + 0)
r1 += 1
*(u64 *)(r0 + 0) = r1
r0 = 1
exit`;

/** Notes id of the cgroup and of its ancestor at a level. */
const ids = (level: number) => `call bpf_get_current_cgroup_id
r6 = r0
r1 = ${level}
call bpf_get_current_ancestor_cgroup_id
r7 = r0
w1 = 0
*(u32 *)(r10 - 4) = w1
r2 = r10
r2 += -4
r1 = 0 ll
call bpf_map_lookup_elem
if r0 == 0 goto +2
*(u64 *)(r0 + 0) = r6
*(u64 *)(r0 + 8) = r7
r0 = 1
exit`;

describe.each(engines)('cgroups (%s)', (engine) => {
  it('have storage of their own for programs, as long as they are there', async () => {
    const { machine, process, bpf, load, socket } = await booted(engine);
    const map = bpf.mapCreate({
      mapType: BPF_MAP_TYPE_CGROUP_STORAGE,
      keySize: 8,
      valueSize: 8,
      maxEntries: 0,
    });
    const program = load(COUNT, map);
    expect(program).toBeGreaterThan(0);
    const [one, two] = [machine.cgroups.make('/one'), machine.cgroups.make('/two')];
    for (const cgroup of [one, two]) {
      const targetFd = process.openCgroup(cgroup);
      expect(bpf.linkCreate({ progFd: program, targetFd, attachType: CREATE })).toBeGreaterThan(0);
    }
    const value = new Uint8Array(8);
    const count = (id: bigint): bigint | number => {
      const key = new Uint8Array(BigUint64Array.of(id).buffer);
      const result = bpf.mapLookupElem({ mapFd: map, key, value });
      return result === 0 ? new DataView(value.buffer).getBigUint64(0, true) : result;
    };
    socket('/one').close();
    const open = socket('/one/below');
    socket('/two').close();
    expect([count(one.id), count(two.id)]).toEqual([2n, 1n]);
    machine.cgroups.find('/one')!.free();
    // The socket keeps what was there.
    expect(count(one.id)).toBe(2n);
    open.close();
    expect(count(one.id)).toBe(-errnos['ENOENT']!);
    expect(count(two.id)).toBe(1n);
  });

  it('are known to programs by id, and by those of their ancestors', async () => {
    const { machine, process, bpf, load } = await booted(engine);
    const map = bpf.mapCreate({
      mapType: BPF_MAP_TYPE_ARRAY,
      keySize: 4,
      valueSize: 16,
      maxEntries: 1,
    });
    const pod = machine.cgroups.make('/kube/pod');
    const seen = (level: number): bigint[] => {
      const targetFd = process.openCgroup(machine.cgroups.root);
      const link = bpf.linkCreate({ progFd: load(ids(level), map), targetFd, attachType: CREATE });
      pod.run(() => pod.run(() => machine.cgroup('/kube/pod')));
      pod.run(() => networkSocket(machine, pod.path));
      process.close(link);
      const value = new Uint8Array(16);
      bpf.mapLookupElem({ mapFd: map, key: new Uint8Array(4), value });
      return [...new BigUint64Array(value.buffer)];
    };
    expect(seen(0)).toEqual([pod.id, 1n]);
    expect(seen(1)).toEqual([pod.id, pod.parent!.id]);
    expect(seen(2)).toEqual([pod.id, pod.id]);
    expect(seen(3)).toEqual([pod.id, 0n]);
    expect(pod.level).toBe(2);
  });
});

function networkSocket(machine: Awaited<ReturnType<typeof booted>>['machine'], path: string): void {
  const network = machine.settings.subsystems[0] as unknown as {
    namespace(name: string): { socket(options: object): Disposable };
  };
  network.namespace('').socket({ type: 'udp', cgroup: path })[Symbol.dispose]();
}

describe('cgroups', () => {
  it('that go take their links along, once nobody uses them', async () => {
    const { machine, process, bpf, load, socket } = await booted();
    const cgroup = machine.cgroups.make('/gone');
    const targetFd = process.openCgroup(cgroup);
    const deny = load('r0 = 0\nexit');
    const progFd = load('r0 = 1\nexit');
    const link = bpf.linkCreate({ progFd, targetFd, attachType: CREATE });
    const open = socket('/gone');
    cgroup.free();
    expect(bpf.progQuery({ targetFd, attachType: CREATE })).toBe(-errnos['ENOENT']!);
    expect(bpf.linkUpdate({ linkFd: link, newProgFd: deny })).toBe(0);
    open.close();
    expect(bpf.linkUpdate({ linkFd: link, newProgFd: progFd })).toBe(-errnos['ENOLINK']!);
    expect(process.get(link, 'link').info()['cgroup.cgroup_id']).toBe(0n);
    expect(bpf.linkDetach({ linkFd: link })).toBe(0);
    expect(machine.cgroups.byId(cgroup.id)).toBeUndefined();
  });

  it('are not removed while something is in them', async () => {
    const host = await createMachine();
    const cgroup = host.cgroup('/a');
    const task = host.task({ pid: 7, cgroup });
    expect(() => cgroup.free()).toThrow('(EBUSY)');
    task.free();
    cgroup.free();
    expect(cgroup.alive).toBe(false);
    expect(() => host.cgroup('/').free()).toThrow('(EBUSY)');
  });

  it('take programs by the API in the order that is asked for', async () => {
    const host = await createMachine();
    const { programs } = await host.load(object);
    const pod = host.cgroup('/pod');
    const first = programs['stop']!.attach({ cgroup: pod });
    expect(() => programs['stop']!.attach({ cgroup: pod, link: false, sharing: 'none' })).toThrow(
      '(EPERM)',
    );
    const { programs: others } = await host.load(object);
    const second = others['stop']!.attach({ cgroup: pod, before: first });
    const { machine } = {
      machine: host.kernel as unknown as {
        cgroups: {
          find(path: string): { effective(type: number): readonly { program: { id: number } }[] };
        };
      },
    };
    const order = machine.cgroups.find('/pod').effective(constants.BPF_CGROUP_INET_EGRESS);
    expect(order.map(({ program }) => program.id)).toEqual([second.program.id, first.program.id]);
    expect(() => programs['to_backend']!.attach({})).toThrow('(EINVAL)');
  });

  it('and their programs are in the file of a machine', async () => {
    const { machine, process, bpf, load, socket } = await booted();
    const { BPF_F_ALLOW_MULTI } = constants;
    const fds = ['/a', '/a/b'].map((path) => process.openCgroup(machine.cgroups.make(path)));
    const [deny, allow] = [load('r0 = 0\nexit'), load('r0 = 1\nexit')];
    const attach = (targetFd: number, program: number) =>
      bpf.progAttach({
        targetFd,
        attachBpfFd: program,
        attachType: CREATE,
        attachFlags: BPF_F_ALLOW_MULTI,
      });
    expect([attach(fds[1]!, deny), attach(fds[1]!, allow), attach(fds[0]!, allow)]).toEqual([
      0, 0, 0,
    ]);
    expect(() => socket('/a/b')).toThrow('(EPERM)');
    process.exit();
    const again = await resumeMachine(await saveMachine(machine));
    const there = again.machine.cgroups.find('/a/b')!;
    const before = machine.cgroups.find('/a/b')!;
    const shown = (cgroup: typeof there) => ({
      id: cgroup.id,
      own: cgroup.programs(CREATE)!.ids,
      revision: cgroup.programs(CREATE)!.revision,
      effective: cgroup.effective(CREATE).map(({ program }) => program.id),
    });
    expect(shown(there)).toEqual(shown(before));
    const make = (path: string) => () =>
      again.network.namespace('').socket({ type: 'udp', cgroup: again.machine.cgroup(path) });
    expect(make('/a/b')).toThrow('(EPERM)');
    make('/a')().close();
  });
});
