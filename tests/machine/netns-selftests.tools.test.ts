/** Every test of prog_tests/flow_dissector_reattach.c of the kernel, from its source, on a machine. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { enums } from '../../src/abi/index.ts';
import { bootMachine, bpfSyscall, Process } from '../../src/machine/index.ts';
import { FIRST_INUM } from '../../src/machine/net/sockets/kernel-view.ts';
import { selftestSource } from '../kernel/tree.ts';
import { runTest, testsIn } from './tc-selftests.ts';

const source = selftestSource('prog_tests/flow_dissector_reattach.c');

const { BPF_FLOW_DISSECTOR } = enums.bpf_attach_type;
/** What bpf_test_load_program gets here: r0 = BPF_OK; exit. */
const OK = Uint8Array.of(0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);

interface Update {
  readonly flags: number;
  readonly old_prog_fd: number;
}

/** What the tests call, over bpf(2); `start`: the namespace they begin in. */
function library({ machine, network }: Awaited<ReturnType<typeof bootMachine>>, start: string) {
  const task = new Process(machine);
  const bpf = bpfSyscall(task);
  const last = { errno: 0 };
  const said = (result: number) => {
    if (result < 0) last.errno = -result;
    return result < 0 ? -1 : result;
  };
  const open = (name: string) => task.openNamespace(network.namespace(name));
  const enter = (name: string) => (task.namespace = name);
  const load = (type: number) =>
    said(bpf.progLoad({ progType: type, insnCnt: 2, insns: OK, license: 'GPL' }));
  const attached = (targetFd: number) => {
    const attr = {
      targetFd,
      attachType: BPF_FLOW_DISSECTOR,
      progCnt: 1,
      progIds: new Uint8Array(4),
    };
    expect(bpf.progQuery(attr)).toBe(0);
    return attr.progCnt === 1 ? new DataView(attr.progIds.buffer).getUint32(0, true) : 0;
  };
  let made = 0;
  enter(start);
  const calls = {
    last,
    link: 1,
    CHECK_FAIL: (wrong: unknown) => {
      if (wrong) throw new Error(`not so (errno ${last.errno})`);
      return false;
    },
    perror: () => undefined,
    query_attached_prog_id: attached,
    prog_is_attached: (fd: number) => attached(fd) > 0,
    query_prog_id: (fd: number) => task.get(fd, 'prog').id,
    load_prog: load,
    bpf_prog_attach: (attachBpfFd: number, targetFd: number, attachType: number) =>
      said(bpf.progAttach({ attachBpfFd, targetFd, attachType })),
    bpf_prog_detach2: (attachBpfFd: number, targetFd: number, attachType: number) =>
      said(bpf.progDetach({ attachBpfFd, targetFd, attachType })),
    bpf_link_create: (progFd: number, targetFd: number, attachType: number) =>
      said(bpf.linkCreate({ progFd, targetFd, attachType })),
    bpf_link_update: (linkFd: number, newProgFd: number, { flags, old_prog_fd }: Update) =>
      said(bpf.linkUpdate({ linkFd, newProgFd, flags, oldProgFd: old_prog_fd })),
    bpf_link_get_info_by_fd: (fd: number, info: Record<string, unknown>) => {
      const link = task.get(fd, 'link');
      const words = link.info();
      const netns = {
        netns_ino: words['netns.netns_ino'],
        attach_type: words['netns.attach_type'],
      };
      Object.assign(info, { type: link.type, id: link.id, prog_id: link.program.id, netns });
      return 0;
    },
    fstat: (fd: number, stat: Record<string, unknown>) => {
      stat['st_ino'] = FIRST_INUM + network.namespace(task.get(fd, 'netns').name).cookie;
      return 0;
    },
    // A namespace that no task is in and nobody has open is gone.
    unshare_net: () => {
      network.makeNamespace(`new${++made}`);
      enter(`new${made}`);
      return open(`new${made}`);
    },
    setns: (fd: number) => {
      const left = task.namespace;
      enter(task.get(fd, 'netns').name);
      gone.add(left);
      settle();
      return 0;
    },
    close: (fd: number) => {
      const name = namespaceAt(fd);
      task.close(fd);
      if (name !== undefined) closed.add(name);
      settle();
    },
    sizeof: () => 0,
    CLONE_NEWNET: 0x40000000,
  };
  const [gone, closed] = [new Set<string>(), new Set<string>()];
  const settle = () => {
    for (const one of closed) if (gone.delete(one)) network.removeNamespace(one);
  };
  const namespaceAt = (fd: number) => {
    try {
      return task.get(fd, 'netns').name;
    } catch {
      return undefined;
    }
  };
  return { calls, open, load };
}

describe.skipIf(!source).each(['', 'other'])('flow_dissector_reattach in namespace %o', (name) => {
  const tests = testsIn(source ? readFileSync(source, 'utf8') : '');
  const names = [...tests.keys()].filter((one) => tests.get(one)!.params.length === 3);

  it('has all of them', () => expect(names).toHaveLength(14));

  it.each(names)('%s', async (test) => {
    const networked = await bootMachine({ namespaces: { other: {} } });
    const { calls, open, load } = library(networked, name);
    const { BPF_PROG_TYPE_FLOW_DISSECTOR } = enums.bpf_prog_type;
    const programs = [0, 1].map(() => load(BPF_PROG_TYPE_FLOW_DISSECTOR));
    runTest(tests, test, calls, [open(name), ...programs]);
    expect([...networked.machine.objects.links]).toEqual([]);
  });
});
