import { describe, expect, it } from 'vitest';
import {
  type CallContract,
  enums,
  kfunc,
  type KfuncArg,
  kfuncAccess,
  kfuncById,
  type KfuncInt,
  kfuncModule,
  type KfuncReturn,
  kfuncSpelling,
  type OwnKfunc,
  withModules,
} from '../../src/abi/index.ts';
import { assemble, decodeCode, encodeCode } from '../../src/isa/index.ts';
import type { VerifierInput, VerifyOptions, VerifyResult } from '../../src/verifier/types.ts';
import { verify } from '../../src/verifier/verify.ts';
import { inputOf, profile } from './programs.ts';

const { bpf_prog_type: programs, bpf_attach_type: attaches } = enums;
const MODULE = 'own_kfuncs';

const btf = profile.btf();

/** The number under a C type, if it is one that definitions have. */
function intOf(type: string | undefined): KfuncInt | undefined {
  const plain: Readonly<Record<string, KfuncInt>> = {
    bool: 'bool',
    int: 's32',
    'unsigned int': 'u32',
    'unsigned long long': 'u64',
    'long unsigned int': 'u64',
    size_t: 'u64',
    uint32_t: 'u32',
    uint64_t: 'u64',
    __u32: 'u32',
    __u64: 'u64',
  };
  return (
    plain[type ?? ''] ?? (/^[us](8|16|32|64)$/.test(type ?? '') ? (type as KfuncInt) : undefined)
  );
}

/** An argument of a kernel function as one would define it; undefined: definitions have no such. */
function argOf({ args }: CallContract, index: number): KfuncArg | undefined {
  const { kind, type, btf: struct, trust, nullable, constant, sizeFrom, release } = args[index]!;
  const int = intOf(type);
  const known = { ...(nullable && { nullable }) };
  if ((kind === 'scalar' || kind === 'size') && int) return { int, ...(constant && { constant }) };
  if (kind === 'const_string') return { string: true, ...known };
  if (kind === 'mem' && sizeFrom !== undefined && type?.includes('void *')) {
    return { buf: true, sizeArg: sizeFrom, ...known };
  }
  if (kind !== 'btf_object' || !struct) return undefined;
  return {
    ptr: struct,
    ...known,
    ...(release ? { release } : trust === 'rcu' ? { rcu: true } : trust && { trusted: true }),
  };
}

function returnOf({ returns }: CallContract): KfuncReturn | 'other' | undefined {
  const { kind, type, btf: struct, acquire, nullable } = returns;
  if (kind === 'void') return undefined;
  const int = intOf(type);
  if (kind === 'integer' && int) return { int };
  if (kind !== 'btf_object' || !struct) return 'other';
  return { ptr: struct, ...(acquire && { acquire: true }), ...(nullable && { nullable }) };
}

/** The kernel's function defined argument by argument; undefined if it has what definitions lack. */
function definitionOf(contract: CallContract): OwnKfunc | undefined {
  const args = contract.args.map((_, i) => argOf(contract, i));
  const ret = returnOf(contract);
  const special = contract.callback ?? contract.iterator ?? contract.graph ?? contract.enters;
  const other = contract.leaves ?? contract.throws ?? contract.fastcall ?? contract.onlyIn;
  if (special || other || ret === 'other' || args.includes(undefined)) return undefined;
  // A flag of the whole function that no argument shows.
  if (contract.release && !args.some((arg) => arg && 'release' in arg)) return undefined;
  return kfunc(contract.name, {
    args: args.map((arg, i) => ({ ...arg!, name: plainName(contract, i) })),
    ...(ret && { ret }),
    ...(contract.maySleep && { sleepable: true }),
    ...(contract.destructive && { destructive: true }),
  });
}

/** Names are in the log: the kernel's, without the suffixes definitions add again. */
const plainName = ({ args }: CallContract, index: number): string =>
  args[index]!.name!.replace(/__(nullable|str|szk|sz|k)$/, '');

/** Programs that may sleep, have tasks as context, and may call nearly everything. */
const traced = btf.find('typedef', 'btf_trace_task_newtask')!;
const base: Partial<VerifierInput> = {
  type: programs.BPF_PROG_TYPE_TRACING,
  expectedAttachType: attaches.BPF_TRACE_RAW_TP,
  attachBtfId: traced,
};

const rows = kfuncAccess(
  { ...profile, modules: [] },
  { type: base.type!, attachType: base.expectedAttachType!, sleepable: 'possible' },
).filter(({ obstacle }) => obstacle !== 'hook' && obstacle !== 'filter');
const material = rows.flatMap(({ kfunc: def }) => {
  const contract = kfuncById(profile, def.id)!;
  const own = definitionOf(contract);
  return own && kfuncSpelling(own).notPortable.length === 0 ? [{ contract, own }] : [];
});
const kernel = withModules(profile, [
  kfuncModule(
    btf,
    material.map(({ own }) => own),
    MODULE,
  ),
]);
const module = kernel.modules.at(-1)!;

/** What is put into the register of an argument. */
const VALUES: Readonly<Record<string, string>> = {
  zero: '= 0',
  constant: '= 8',
  unknown: '= r8',
  stack: '= r10; # += -64',
  context: '= r6',
  trusted: '= r7',
  field: '= r9',
};
/** r6 context, r7 the task of the tracepoint, r8 a number, r9 a pointer read out of the task. */
const SETUP = `r6 = r1; r7 = *(u64 *)(r6 + 0); r8 = *(u32 *)(r7 + 0); r9 = *(u64 *)(r7 + 1288);
  r0 = 0; ${[8, 16, 24, 32, 40, 48, 56, 64].map((at) => `*(u64 *)(r10 - ${at}) = r0`).join('; ')}`;

function program(values: readonly string[], id: number, place: number): VerifierInput {
  const moves = values.map((value, i) => `r${i + 1} ${VALUES[value]!.replace('#', `r${i + 1}`)}`);
  const text = `${SETUP}; ${moves.join('; ')}${moves.length > 0 ? ';' : ''} call 1000; r0 = 0; exit`;
  const code = decodeCode(encodeCode(assemble(text).code));
  for (let i = 0; i < code.length; i++) {
    if (code.op[i] === 0x85) code.set(i, 0x85, 0, 2, place, id);
  }
  return inputOf('r0 = 0; exit', { ...base, modules: [MODULE], insns: encodeCode(code) });
}

/** Everything that is said, without ids of functions. */
const said = ({ log, errnoName }: VerifyResult): string =>
  `${errnoName}\n${log.replace(/#\d+ */g, '#id ')}`;

/** All of the first two arguments, and each of the others with the others as they should be. */
function combinations({ args }: CallContract): string[][] {
  const fitting = args.map(({ kind }) =>
    kind === 'btf_object' ? 'trusted' : kind === 'scalar' || kind === 'size' ? 'constant' : 'stack',
  );
  const one = args.flatMap((_, i) =>
    Object.keys(VALUES).map((value) => fitting.map((fit, k) => (k === i ? value : fit))),
  );
  return one.length > 0 ? one : [[]];
}

describe('a kernel function defined argument by argument', () => {
  it('finds enough material among those of the kernel', () => {
    expect(material.length).toBeGreaterThan(40);
  });

  it.each(material.map(({ own, contract }) => [own.name, contract] as const))(
    '%s: every call gives the log of the one that the kernel defines',
    (name, contract) => {
      const id = module.btf().findAll('func', name).at(-1)!;
      for (const values of combinations(contract)) {
        const options = { logLevel: 2 };
        const theirs = verify(program(values, contract.id!, 0), kernel, options);
        const ours = verify(program(values, id, 1), kernel, options);
        expect(said(ours), values.join(', ')).toBe(said(theirs));
      }
    },
  );
});

describe('what Linux 6.12 has no words for', () => {
  const own = [
    kfunc('get_pair', { ret: { ptr: 'task_struct', acquire: true, nullable: true } }),
    kfunc('put_both', {
      args: [
        { ptr: 'task_struct', release: true },
        { ptr: 'task_struct', release: true },
      ],
    }),
    kfunc('put_second', {
      args: [{ ptr: 'task_struct' }, { ptr: 'task_struct', release: true }],
    }),
  ];
  const extended = withModules(profile, [kfuncModule(btf, own, MODULE)]);
  const types = extended.modules.at(-1)!.btf();

  function answer(text: string, options: VerifyOptions = {}): string {
    const names: string[] = [];
    const plain = text.replace(/call (\w+)/g, (_, name: string) => {
      names.push(name);
      return 'call 1000';
    });
    const code = decodeCode(encodeCode(assemble(plain).code));
    for (let i = 0; i < code.length; i++) {
      if (code.op[i] === 0x85) code.set(i, 0x85, 0, 2, 1, types.find('func', names.shift()!)!);
    }
    const more = { ...base, modules: [MODULE], insns: encodeCode(code) };
    const { ok, reason } = verify(inputOf('r0 = 0; exit', more), extended, options);
    return ok ? 'ok' : (reason?.text ?? 'without words');
  }

  /** r6 and r7 hold a task each, or the program ends. */
  const BOTH = `call get_pair; if r0 == 0 goto end; r6 = r0;
    call get_pair; if r0 == 0 goto one; r7 = r0`;
  const END = 'goto end; one: r1 = r6; r2 = r6; call put_second; end: r0 = 0; exit';

  it('releases two arguments', () => {
    expect(answer(`${BOTH}; r1 = r6; r2 = r7; call put_both; ${END}`)).toBe('ok');
  });

  it('is refused where only what Linux has is wanted', () => {
    const words = answer(`${BOTH}; r1 = r6; r2 = r7; call put_both; ${END}`, { portable: true });
    expect(words).toMatch(/put_both is not allowed.*beeyard extension/);
    expect(answer('call get_pair; r0 = 0; exit', { portable: true })).toMatch(/Unreleased/);
  });

  it('releases the one that says so and no other', () => {
    const once = `${BOTH}; r1 = r6; r2 = r7; call put_second;`;
    expect(answer(`${once} r1 = r6; r2 = r6; call put_second; ${END}`)).toBe('ok');
    expect(answer(`${once} ${END}`)).toMatch(/Unreleased reference/);
  });

  it('wants each argument that is released to own something', () => {
    const words = answer(`${BOTH}; r1 = r6; r2 = r6; call put_both; ${END}`);
    expect(words).toMatch(/reference has not been acquired before/);
    const borrowed = `r9 = *(u64 *)(r1 + 0); call get_pair; if r0 == 0 goto end;
      r1 = r0; r2 = r9; call put_both; end: r0 = 0; exit`;
    expect(answer(borrowed)).toMatch(/release kernel function put_both expects refcounted/);
  });
});
