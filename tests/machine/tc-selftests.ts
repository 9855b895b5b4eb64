/**
 * The kernel's tests of tcx and netkit, run as they stand in its source: what they do is a sequence of calls and
 * assertions in C that reads the same in JavaScript but for declarations. What they call is here, over
 * bpf(2) of a machine.
 */
import { attachTypeName, constants, enums, errnos } from '../../src/abi/index.ts';
import { loadObject } from '../../src/client/index.ts';
import type { ObjectFile } from '../../src/object/index.ts';
import type { KernelLink, ProgQueryAttr } from '../../src/kernel/index.ts';
import { bootMachine, bpfSyscall, Process } from '../../src/machine/index.ts';
import type { MachineProgram } from '../../src/machine/program.ts';

type Words = Record<string, number>;
type Options = Record<string, number | number[]>;
type Networked = Awaited<ReturnType<typeof bootMachine>>;

const NAMES: Words = {
  ...(constants as unknown as Words),
  ...(enums.bpf_attach_type as Words),
  ...(enums.bpf_cmd as Words),
  ...(enums.bpf_prog_type as Words),
  ...(enums.bpf_link_type as Words),
  ...errnos,
  BPF_TC_INGRESS: 1,
  BPF_TC_EGRESS: 2,
  BPF_TC_CUSTOM: 4,
  BPF_TC_F_REPLACE: 1,
  ENOTSUP: 95,
};

/** Headers of an ICMP echo from 10.0.0.1 to 10.0.0.2, without addresses of Ethernet. */
const ECHO = new Uint8Array(46);
ECHO.set([8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0x66, 0xe0, 10, 0, 0, 1, 10, 0, 0, 2, 8], 12);

/** Tests by name: those that are given a target are run by those that are given none. */
export function testsIn(source: string): Map<string, { params: string[]; body: string }> {
  const found = new Map<string, { params: string[]; body: string }>();
  const plain = source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/\/\/.*$/gm, '');
  const functions = /^(?:static )?(?:inline )?void (\w+)\(([^)]*)\)\n\{([\s\S]*?)^\}/gm;
  for (const [, name, params, body] of plain.matchAll(functions)) {
    const names = params!.split(',').map((one) => /(\w+)\s*$/.exec(one)![1]!);
    found.set(name!, { params: names.filter((one) => one !== 'void'), body: inJavaScript(body!) });
  }
  return found;
}

const fields = (text: string) => `{${text.replace(/\.(\w+)\s*=(?!=)/g, '$1:')}}`;
const TYPES = '(?:const\\s+)?(?:struct \\w+|union \\w+|__u32|__u64|size_t|int|bool|char)';

/** Jumps lead forward: each label ends a block that they leave. */
function withLabels(body: string): string {
  const [first, ...rest] = body.split(/^(?=\w+:$)/m);
  return rest.reduce((before, part) => {
    const [, label] = /^(\w+):/.exec(part)!;
    return `${label}: {${before}}\n${part.slice(label!.length + 1)}`;
  }, first!);
}

function inJavaScript(body: string): string {
  return withLabels(body.replace(/goto (\w+);/g, 'break $1;'))
    .replace(/offsetofend\([^)]*\)/g, '0')
    .replace(/(?:DECLARE_)?LIBBPF_OPTS\(\s*\w+,\s*(\w+),?([^;]*)\);/g, (_, name, rest) => {
      return `var ${name} = ${fields(rest)};`;
    })
    .replace(/LIBBPF_OPTS_RESET\(\s*(\w+),?([^;]*)\);/g, (_, name, rest) => {
      return `reset(${name}, ${fields(rest)});`;
    })
    .replace(new RegExp(`^\\s*${TYPES}\\s+([^;(]*(?:\\([^;]*)?);`, 'gm'), (_, all) => declared(all))
    .replace(/->/g, '.')
    .replace(/(create_netkit\([^;]*)&(\w+)/g, '$1(value) => ($2 = value)')
    .replace(/([(,=]\s*)&(\w)/g, '$1$2')
    .replace(/\bping_cmd\b/g, '"ping"')
    .replace(/\berrno\b/g, 'last.errno')
    .replace(/\bNULL\b/g, 'null')
    .replace(/\b__NR_bpf\b/g, '321');
}

function declared(list: string): string {
  const one = (text: string): string => {
    const read = /^\**\s*(\w+)(?:\[(\w*)\])?\s*(?:=\s*([\s\S]*))?$/.exec(text);
    if (!read) return `unread = ${JSON.stringify(text)}`;
    const [, name, size, value] = read;
    if (name === 'attr') return 'attr = {query: zeroQuery()}';
    if (size !== undefined) return `${name} = zeros(${size || 0})`;
    return value?.trim() === '{}' ? `${name} = {}` : `${name} = ${value ?? 0}`;
  };
  return `var ${list
    .split(',')
    .map((part) => one(part.trim()))
    .join(', ')};`;
}

/** A link of bpf_program__attach_tcx. */
interface Link {
  fd: number;
}

/** The loaded object (struct test_tc_link). */
interface Skeleton {
  readonly progs: Record<string, { name: string; expected?: string; fd: number }>;
  readonly links: Record<string, Link | undefined>;
  readonly bss: Record<string, boolean>;
  readonly close: (() => void)[];
}

/** A machine, and what the tests call. */
export class TcTests {
  readonly #networked: Networked;
  readonly #process: Process;
  readonly #bpf: ReturnType<typeof bpfSyscall>;
  readonly #object: ObjectFile;
  readonly #filters = new Map<string, KernelLink>();
  readonly #skeletons: Skeleton[] = [];
  readonly last = { errno: 0 };

  constructor(networked: Networked, object: ObjectFile) {
    this.#networked = networked;
    this.#process = new Process(networked.machine);
    this.#bpf = bpfSyscall(this.#process);
    this.#object = object;
  }

  /** Runs a test with all that it runs. Throws an error for the first assertion that fails. */
  run(tests: ReturnType<typeof testsIn>, name: string): void {
    runTest(tests, name, { ...this.#library(), last: this.last });
    this.#process.exit();
  }

  #library(): Record<string, unknown> {
    return {
      ...this.#assertions(),
      ...this.#skeleton(),
      ...this.#programs(),
      ...this.#filtersOfTc(),
      ...this.#netkit(),
      loopback: 1,
      close: (fd: number) => this.#process.close(fd),
      generate_dummy_prog: () => this.#dummy(),
      reset: (options: Options, next: Options) => {
        for (const key of Object.keys(options)) delete options[key];
        Object.assign(options, next);
      },
      zeros: (size: number) => Array.from({ length: size }, () => 0),
      zeroQuery,
      memset: (what: number[] | { query: object }) => {
        if (Array.isArray(what)) what.fill(0);
        else what.query = zeroQuery();
      },
      sizeof: (what: unknown) => (Array.isArray(what) ? what.length * 4 : 0),
      ARRAY_SIZE: (what: unknown[]) => what.length,
      ptr_to_u64: (what: unknown) => what,
      fail: (why: string) => {
        throw new Error(why);
      },
      system: (command: string) => this.#system(command),
      if_nametoindex: (name: string) => {
        const { root } = this.#networked.network;
        return root.devices.get(name)?.ifindex ?? 0;
      },
    };
  }

  #dummy(): number {
    const insns = Uint8Array.of(0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);
    const progType = enums.bpf_prog_type.BPF_PROG_TYPE_SCHED_CLS;
    return this.#bpf.progLoad({ progType, insnCnt: 2, insns, license: 'GPL' });
  }

  #assertions() {
    const check = (fine: boolean, words: string) => {
      if (!fine) throw new Error(words);
      return true;
    };
    return {
      ASSERT_OK: (value: number, what: string) => check(value === 0, `${what}: ${value}`),
      ASSERT_EQ: (one: unknown, other: unknown, what: string) =>
        check(
          Number(one ?? 0) === Number(other ?? 0) || one === other,
          `${what}: ${one} is not ${other}`,
        ),
      ASSERT_NEQ: (one: unknown, other: unknown, what: string) =>
        check(one !== other, `${what}: ${one}`),
      ASSERT_OK_PTR: (value: unknown, what: string) => check(Boolean(value), `${what}: NULL`),
      ASSERT_ERR_PTR: (value: unknown, what: string) => check(!value, `${what}: not NULL`),
      ASSERT_GE: (one: number, other: number, what: string) => check(one >= other, what),
      ASSERT_GT: (one: number, other: number, what: string) => check(one > other, what),
    };
  }

  #system(command: string): number {
    const { network } = this.#networked;
    const words = command.split(/\s+/);
    if (words[0] === 'ping') {
      network.root.send({ to: '127.0.0.1', protocol: 'icmp', payload: 'ping' });
      return 0;
    }
    if (command.startsWith('ip link add')) {
      network.add(words[4]!, { kind: 'veth', peer: words[9]! });
      return 0;
    }
    if (command.startsWith('ip link del')) {
      network.removeDevice(words[4]!);
      return 0;
    }
    throw new Error(`not here: ${command}`);
  }

  /** A pair as the tests of netkit make it, and what they send through it. */
  #netkit() {
    const { network } = this.#networked;
    let bound = false;
    const send = (to: string) => {
      // To an address of the machine itself only a socket that is bound sends by the device.
      if (bound) network.root.device('nk1').transmit(ECHO);
      else network.root.send({ to, protocol: 'icmp', payload: 'ping' });
      return 0;
    };
    return {
      netkit_peer: 'nk0',
      NETKIT_L2: 'l2',
      NETKIT_L3: 'l3',
      NETKIT_PASS: 'pass',
      ping_addr_noneigh: '10.0.0.3',
      create_netkit: (
        mode: 'l2' | 'l3',
        policy: 'pass',
        peerPolicy: 'pass',
        tell: (ifindex: number) => void,
        together: boolean,
      ) => {
        network.addNamespace('foo');
        const namespace = together ? '' : 'foo';
        const peer = { name: 'nk0', namespace, policy: peerPolicy, addresses: ['10.0.0.2/24'] };
        const own = { mode, policy, primary: true, addresses: ['10.0.0.1/24'] };
        tell(network.add('nk1', { kind: 'netkit', ...own, peer } as never).ifindex);
        bound = together;
        return 0;
      },
      destroy_netkit: () => {
        network.removeDevice('nk1');
        network.removeNamespace('foo');
      },
      send_icmp: () => send('10.0.0.2'),
      __send_icmp: send,
    };
  }

  #skeleton() {
    const open = (): Skeleton => {
      const names = this.#object.programs.map(({ name }) => name);
      const progs = Object.fromEntries(names.map((name) => [name, { name, fd: -1 }]));
      const skeleton = { progs, links: {}, bss: {}, close: [] };
      this.#skeletons.push(skeleton);
      return skeleton;
    };
    const load = (skeleton: Skeleton) => this.#load(skeleton);
    return {
      test_tc_link__open: open,
      test_tc_link__load: load,
      test_tc_link__open_and_load: () => {
        const skeleton = open();
        load(skeleton);
        return skeleton;
      },
      test_tc_link__destroy: (skeleton: Skeleton) => {
        for (const link of Object.values(skeleton.links)) if (link) this.#destroy(link);
        for (const { fd } of Object.values(skeleton.progs)) if (fd >= 0) this.#process.close(fd);
        for (const close of skeleton.close) close();
        this.#skeletons.splice(this.#skeletons.indexOf(skeleton), 1);
      },
      tc_skel_reset_all_seen: ({ bss }: Skeleton) => {
        for (const name of Object.keys(bss)) bss[name] = false;
      },
      bpf_program__set_expected_attach_type: (program: { expected?: string }, type: number) => {
        program.expected = attachTypeName(type);
        return 0;
      },
    };
  }

  #load(skeleton: Skeleton): number {
    const { machine } = this.#networked;
    const programs = this.#object.programs.map((spec) => {
      const attachType = skeleton.progs[spec.name]!.expected ?? spec.attachType;
      return { ...spec, attachType };
    });
    const loaded = loadObject(machine, { ...this.#object, programs });
    for (const [, why] of loaded.refused) throw why;
    for (const [name, program] of loaded.programs) {
      skeleton.progs[name]!.fd = this.#bpf.progGetFdById({ progId: program.id });
      program.close();
    }
    const section = loaded.maps.get('.bss')!;
    const { btf } = this.#object;
    const type = btf!.type(btf!.find('datasec', '.bss')!);
    const key = new Uint8Array(4);
    for (const { type: id, offset } of type.kind === 'datasec' ? type.vars : []) {
      const bytes = () => {
        const value = new Uint8Array(section.spec.valueSize);
        section.lookup(key, value);
        return value;
      };
      Object.defineProperty(skeleton.bss, btf!.type(id).name, {
        enumerable: true,
        get: () => bytes()[offset] !== 0,
        set: (on: boolean) => {
          const value = bytes();
          value[offset] = on ? 1 : 0;
          section.update(key, value);
        },
      });
    }
    skeleton.close.push(() => loaded.owned.forEach((map) => map.close()));
    return 0;
  }

  #destroy(link: Link): number {
    if (link.fd >= 0) this.#process.close(link.fd);
    link.fd = -1;
    return 0;
  }

  /** Of libbpf: 0 or more, or a negative errno, which is in errno as well. */
  #said(result: number): number {
    if (result < 0) this.last.errno = -result;
    return result;
  }

  #programs() {
    const bpf = this.#bpf;
    const query = (ifindex: number, target: number, options: Options) =>
      this.#query(ifindex, target, options);
    const count = (target: number, expected: number, ifindex = 1) => {
      const options: Options = {};
      const err = query(ifindex, target, options);
      if (err !== 0) throw new Error(`prog_query: ${err}`);
      if (options['count'] !== expected) throw new Error(`count: ${options['count']}`);
    };
    return {
      bpf_program__fd: ({ fd }: { fd: number }) => fd,
      bpf_link__fd: ({ fd }: Link) => fd,
      id_from_prog_fd: (fd: number) => this.#process.get(fd, 'prog').id,
      id_from_link_fd: (fd: number) => this.#process.get(fd, 'link').id,
      ifindex_from_link_fd: (fd: number) =>
        Number(this.#process.get(fd, 'link').info()['tcx.ifindex']),
      assert_mprog_count: count,
      assert_mprog_count_ifindex: (ifindex: number, target: number, expected: number) =>
        count(target, expected, ifindex),
      bpf_prog_attach_opts: (fd: number, ifindex: number, target: number, options: Options) =>
        this.#said(this.#direct('progAttach', fd, ifindex, target, options)),
      bpf_prog_detach_opts: (fd: number, ifindex: number, target: number, options: Options) =>
        this.#said(this.#direct('progDetach', fd, ifindex, target, options)),
      bpf_prog_query_opts: query,
      bpf_program__attach_tcx: (program: { fd: number }, ifindex: number, options: Options) =>
        this.#attachOrdered(program.fd, ifindex, options),
      bpf_program__attach_netkit: (program: { fd: number }, ifindex: number, options: Options) =>
        this.#attachOrdered(program.fd, ifindex, options),
      bpf_link__destroy: (link: Link | null) => (link ? this.#destroy(link) : 0),
      bpf_link__detach: (link: Link) => this.#said(bpf.linkDetach({ linkFd: link.fd })),
      bpf_link__update_program: (link: Link, program: { fd: number }) =>
        this.#said(bpf.linkUpdate({ linkFd: link.fd, newProgFd: program.fd })),
      syscall: (_: number, command: number, attr: { query: RawQuery }) => {
        if (command !== enums.bpf_cmd.BPF_PROG_QUERY) throw new Error(`command ${command}`);
        const result = this.#rawQuery(attr.query);
        return this.#said(result) < 0 ? -1 : result;
      },
    };
  }

  /** libbpf refuses an anchor by descriptor and by id at once, and says itself that it is an id. */
  #anchor({ relative_fd = 0, relative_id = 0, flags = 0 }: Options) {
    if (relative_fd && relative_id) return undefined;
    const byId = relative_id ? constants.BPF_F_ID : 0;
    return { relativeFd: Number(relative_id || relative_fd), flags: Number(flags) | byId };
  }

  #direct(
    command: 'progAttach' | 'progDetach',
    fd: number,
    targetFd: number,
    attachType: number,
    options: Options,
  ): number {
    const anchor = this.#anchor(options);
    if (!anchor) return -errnos['EINVAL']!;
    return this.#bpf[command]({
      attachBpfFd: fd,
      targetFd,
      attachType,
      relativeFd: anchor.relativeFd,
      attachFlags: anchor.flags,
      replaceBpfFd: Number(options['replace_prog_fd'] ?? options['replace_fd'] ?? 0),
      expectedRevision: Number(options['expected_revision'] ?? 0),
    });
  }

  /** Links of tcx and netkit have the same anchors. */
  #attachOrdered(progFd: number, targetFd: number, options: Options): Link | null {
    const anchor = this.#anchor(options);
    const attachType = this.#process.get(progFd, 'prog').expectedAttachType;
    const expectedRevision = Number(options['expected_revision'] ?? 0);
    if (!anchor || targetFd === 0) return null;
    const { relativeFd, flags } = anchor;
    const tcx = { relativeFd, expectedRevision };
    const fd = this.#said(this.#bpf.linkCreate({ progFd, targetFd, attachType, flags, tcx }));
    return fd < 0 ? null : { fd };
  }

  #query(targetFd: number, attachType: number, options: Options): number {
    const room = Number(options['count'] ?? 0);
    const lists = ['prog_ids', 'prog_attach_flags', 'link_ids', 'link_attach_flags'] as const;
    const buffers = lists.map((name) => options[name] && new Uint8Array(4 * room));
    const [progIds, progAttachFlags, linkIds, linkAttachFlags] = buffers as Uint8Array[];
    const attr: ProgQueryAttr = {
      targetFd,
      attachType,
      queryFlags: Number(options['query_flags'] ?? 0),
      attachFlags: Number(options['attach_flags'] ?? 0),
      progCnt: room,
      ...(progIds && { progIds }),
      ...(progAttachFlags && { progAttachFlags }),
      ...(linkIds && { linkIds }),
      ...(linkAttachFlags && { linkAttachFlags }),
    };
    const result = this.#said(this.#bpf.progQuery(attr));
    options['count'] = attr.progCnt ?? 0;
    options['revision'] = Number(attr.revision ?? 0);
    lists.forEach((name, i) => {
      const [to, bytes] = [options[name], buffers[i] as Uint8Array | undefined];
      if (!Array.isArray(to) || !bytes) return;
      const view = new DataView(bytes.buffer);
      to.forEach((_, k) => 4 * k < bytes.length && (to[k] = view.getUint32(4 * k, true)));
    });
    return result;
  }

  #rawQuery(query: RawQuery): number {
    const options: Options = { ...(query as unknown as Options) };
    for (const [name, value] of Object.entries(options)) {
      if (value === 0 && name.endsWith('s') && !name.endsWith('flags')) delete options[name];
      if (value === 0 && /^(?:prog|link)_attach_flags$/.test(name)) delete options[name];
    }
    const result = this.#query(query.target_ifindex, query.attach_type, options);
    query.count = Number(options['count']);
    query.revision = Number(options['revision']);
    return result;
  }

  /** Classic filters of a clsact qdisc (bpf_tc_* of libbpf). */
  #filtersOfTc() {
    const key = (hook: Words, { priority, handle }: Words) =>
      `${hook['ifindex']}/${hook['attach_point']}/${priority}/${handle}`;
    return {
      bpf_tc_hook_create: () => 0,
      bpf_tc_hook_destroy: () => 0,
      bpf_tc_attach: (hook: Words, options: Words) => {
        const program = this.#process.get(options['prog_fd']!, 'prog') as MachineProgram;
        const { root } = this.#networked.network;
        const device = root.byIndex.get(hook['ifindex']!)!.name;
        const direction = hook['attach_point'] === 1 ? 'ingress' : 'egress';
        const classic = { priority: options['priority']!, handle: options['handle']! };
        const before = this.#filters.get(key(hook, options));
        if (before && (options['flags']! & 1) === 0) return -errnos['EEXIST']!;
        before?.detach();
        this.#filters.set(key(hook, options), program.attach({ device, direction, classic }));
        options['prog_id'] = program.id;
        return 0;
      },
      bpf_tc_detach: (hook: Words, options: Words) => {
        const link = this.#filters.get(key(hook, options));
        if (!link) return -errnos['ENOENT']!;
        link.detach();
        this.#filters.delete(key(hook, options));
        return 0;
      },
    };
  }
}

interface RawQuery {
  target_ifindex: number;
  attach_type: number;
  count: number;
  revision: number;
}

function zeroQuery(): RawQuery & Words {
  const names = ['query_flags', 'attach_flags', 'prog_ids', 'prog_attach_flags'];
  const more = ['link_ids', 'link_attach_flags', 'target_ifindex', 'attach_type'];
  const all = [...names, ...more, 'count', 'revision'].map((name) => [name, 0] as const);
  return Object.fromEntries(all) as RawQuery & Words;
}

/** Runs a test over what it calls; functions that the library has are taken from there. */
export function runTest(
  tests: ReturnType<typeof testsIn>,
  name: string,
  library: Record<string, unknown>,
  args: readonly unknown[] = [],
): void {
  const calls = { ...library };
  for (const [own, { params, body }] of tests) calls[own] ??= compiled(calls, params, body);
  (calls[name] as (...given: readonly unknown[]) => void)(...args);
}

/** A function over what the tests call; names of the ABI are numbers in it. */
function compiled(calls: Record<string, unknown>, params: string[], body: string): unknown {
  const words = new Set(body.match(/\b[A-Z_][A-Z0-9_]*[A-Z]\b/g));
  const numbers = [...words].filter((word) => NAMES[word] !== undefined && !(word in calls));
  const head = numbers.map((word) => `const ${word} = ${NAMES[word]};`).join('');
  return (...args: unknown[]) => {
    const names = Object.keys(calls);
    const source = `${head}\n${body}`;
    const make = new Function(...names, `return function (${params.join(',')}) {${source}}`);
    const result = make(...names.map((name) => calls[name])) as (...given: unknown[]) => void;
    return result(...args);
  };
}
