/** Helper prototypes (`struct bpf_func_proto`) and which program type gets which of them. */
import { closing, splitTop, stripComments } from './c-text.mjs';

/** Every `struct bpf_func_proto NAME = { … }` of the given files: name → { file, fields }. */
export function scanPrototypes(files) {
  const found = new Map();
  for (const [file, text] of files) {
    const source = stripComments(text);
    const pattern = /\bstruct\s+bpf_func_proto\s+(\w+)\s*=\s*\{/g;
    for (let match = pattern.exec(source); match; match = pattern.exec(source)) {
      const open = pattern.lastIndex - 1;
      const body = source.slice(open + 1, closing(source, open) - 1).replace(/^\s*#.*$/gm, '');
      found.set(match[1], { file, ...prototypeOf(initialiser(body)) });
    }
  }
  return found;
}

function initialiser(body) {
  const fields = new Map();
  for (const part of splitTop(body)) {
    const match = /^\.(\w+)\s*=\s*([\s\S]+)$/.exec(part);
    if (match) fields.set(match[1], match[2].replace(/\s+/g, ' ').trim());
  }
  return fields;
}

function prototypeOf(fields) {
  const args = [];
  for (let i = 1; i <= 5; i++) {
    const type = fields.get(`arg${i}_type`);
    if (type === undefined || type === 'ARG_DONTCARE') break;
    const arg = { type: flagsOf(type) };
    const size = fields.get(`arg${i}_size`);
    if (size) arg.size = sizeOf(size);
    const btf = fields.get(`arg${i}_btf_id`);
    if (btf) arg.btf = btfName(btf);
    args.push(arg);
  }
  const proto = {
    func: fields.get('func'),
    args,
    ret: flagsOf(fields.get('ret_type') ?? 'RET_INTEGER'),
  };
  const retBtf = fields.get('ret_btf_id');
  if (retBtf) proto.retBtf = btfName(retBtf);
  for (const flag of ['gpl_only', 'pkt_access', 'might_sleep', 'allow_fastcall']) {
    if (fields.get(flag) === 'true') proto[flag] = true;
  }
  return proto;
}

const flagsOf = (text) => text.split('|').map((word) => word.trim());

const SIZES = { u64: 8, s64: 8, u32: 4, s32: 4, u16: 2, u8: 1, int: 4, long: 8 };

/** `sizeof(u64)` → 8, `sizeof(struct x)` → 'x' (size known from the struct table). */
function sizeOf(text) {
  const inner = /^sizeof\((.+)\)$/.exec(text)?.[1];
  if (inner === undefined) return Number(text);
  return SIZES[inner] ?? inner.replace(/^struct /, '');
}

/** `&btf_sock_ids[BTF_SOCK_TYPE_TCP]` → 'BTF_SOCK_TYPE_TCP'; other values as they are. */
function btfName(text) {
  return /\[([A-Z_]\w*)\]/.exec(text)?.[1] ?? text.replace(/^&/, '');
}

/** Names and C types of helper parameters, from BPF_CALL_n definitions: func → [{type, name}]. */
export function scanParameters(files) {
  const found = new Map();
  for (const [, text] of files) {
    const source = stripComments(text);
    const pattern = /\b(?:NOTRACE_)?BPF_CALL_[0-5]\s*\(/g;
    for (let match = pattern.exec(source); match; match = pattern.exec(source)) {
      const open = pattern.lastIndex - 1;
      const [name, ...rest] = splitTop(source.slice(open + 1, closing(source, open) - 1));
      const params = [];
      for (let i = 0; i + 1 < rest.length; i += 2) {
        params.push({ type: rest[i].replace(/\s+/g, ' '), name: rest[i + 1] });
      }
      if (!found.has(name)) found.set(name, params);
    }
  }
  return found;
}

/** The `btf_sock_ids`/`btf_tracing_ids` lists: constant → struct name. */
export function scanBtfIds(files) {
  const found = new Map();
  for (const [, text] of files) {
    for (const match of text.matchAll(
      /BTF_(?:SOCK|TRACING)_TYPE\((BTF_\w+),\s*(?:struct\s+)?(\w+)\)/g,
    )) {
      found.set(match[1], match[2]);
    }
    for (const match of text.matchAll(
      /BTF_ID_LIST_(?:GLOBAL_)?SINGLE\((\w+),\s*struct,\s*(\w+)/g,
    )) {
      found.set(`${match[1]}[0]`, match[2]);
    }
    for (const match of text.matchAll(
      /BTF_ID_LIST(?:_GLOBAL)?\((\w+)[^)]*\)\s*((?:BTF_ID\(struct, \w+\)\s*)+)/g,
    )) {
      const names = [...match[2].matchAll(/struct, (\w+)/g)];
      names.forEach(([, name], index) => found.set(`${match[1]}[${index}]`, name));
    }
    // A single id may also be a plain variable that is looked up by name: `x_id` of `struct x`.
    for (const match of text.matchAll(/^static u32 (\w+)_id;/gm))
      found.set(`${match[1]}_id`, match[1]);
  }
  return found;
}

/** Bodies of all functions that return a `const struct bpf_func_proto *`: name → text. */
export function scanSelectors(files) {
  const found = new Map();
  const pattern = /\bconst struct bpf_func_proto\s*\*\s*(?:__weak\s+)?(\w+)\s*\(/g;
  for (const [, text] of files) {
    const source = stripComments(text);
    for (let match = pattern.exec(source); match; match = pattern.exec(source)) {
      const after = closing(source, pattern.lastIndex - 1);
      const open = /^\s*\{/.exec(source.slice(after, after + 4)) ? source.indexOf('{', after) : -1;
      if (open < 0) continue;
      const body = source.slice(open + 1, closing(source, open) - 1);
      if (!found.has(match[1]) || body.length > found.get(match[1]).length)
        found.set(match[1], body);
    }
  }
  return found;
}

/** Names of BPF_FUNC_* mentioned in the body of function `name`; older kernels may not have it. */
export function helpersNamedIn(text, name) {
  const start = new RegExp(`\\b${name}\\s*\\([^)]*\\)\\s*\\{`).exec(text);
  if (!start) return [];
  const open = start.index + start[0].length - 1;
  const body = text.slice(open, closing(text, open));
  return [...new Set([...body.matchAll(/\bBPF_FUNC_(\w+)/g)].map((m) => m[1]))];
}

/**
 * Reads a selector function as a list of steps in source order. A step either answers for named
 * helpers (`cases`) or asks another selector for every helper (`ask`).
 */
export function readSelector(body) {
  const steps = [];
  const state = { config: [], capability: undefined, labels: [], nested: undefined, depth: 0 };
  for (const line of logicalLines(body)) readLine(line, state, steps);
  return steps;
}

/** Statements, labels and preprocessor lines, one each, with white space collapsed. */
function logicalLines(body) {
  const lines = [];
  let rest = '';
  for (const raw of body.split('\n')) {
    const line = raw.trim();
    if (line === '') continue;
    if (line.startsWith('#')) {
      lines.push(line);
      continue;
    }
    rest = rest ? `${rest} ${line}` : line;
    if (
      /[;{}]$/.test(rest) ||
      /^(case [^?]*|default):$/.test(rest) ||
      /^(if|while) \(.*\)$/.test(rest)
    ) {
      lines.push(rest);
      rest = '';
    }
  }
  return lines;
}

function readLine(line, state, steps) {
  if (line.startsWith('#')) return readDirective(line, state);
  if (line.startsWith('switch (')) {
    if (!/\((func_id|which)\)/.test(line)) {
      state.nested = { on: line, labels: [], closed: false };
      state.nestedLabels = undefined;
    } else {
      state.labels = [];
    }
    return undefined;
  }
  if (line === '}' && state.nested) {
    state.nested = undefined;
    return undefined;
  }
  const label = /^(?:case (\w+)|(default)):$/.exec(line);
  if (label) return readLabel(label[1] ?? 'default', state);
  const capability = capabilityIn(line);
  if (capability && line.startsWith('if (!')) {
    state.capability = capability;
    state.labels = [];
    state.skip = true;
    return undefined;
  }
  return readStatement(line, state, steps);
}

/** Before there were tokens, two functions asked for a capability each. */
function capabilityIn(line) {
  const token = /bpf_token_capable\([^)]*,\s*(CAP_\w+)\)\)?\s*(return NULL;)?$/.exec(line);
  const older = /^if \(!(bpf|perfmon)_capable\(\)\)\s*(return NULL;)?$/.exec(line);
  return token?.[1] ?? (older && `CAP_${older[1].toUpperCase()}`);
}

function readDirective(line, state) {
  if (/^#\s*if/.test(line)) {
    state.config.push([...line.matchAll(/\b(CONFIG_\w+)/g)].map((m) => m[1]).join(' '));
  } else if (/^#\s*endif/.test(line)) state.config.pop();
}

function readLabel(name, state) {
  if (state.nested) {
    if (state.nested.done) {
      state.nested.previous = [...(state.nested.previous ?? []), ...state.nested.labels];
      state.nested.labels = [];
      state.nested.done = false;
    }
    state.nested.labels.push(name);
    return;
  }
  if (state.done) state.labels = [];
  state.done = false;
  state.labels.push(name);
}

function readStatement(line, state, steps) {
  const guarded = state.guard;
  state.guard = /^(\} )?(else )?if \(/.test(line);
  if (state.skip && line === 'return NULL;') {
    state.skip = false;
    return;
  }
  if (/^return (func|fn);$/.test(line)) {
    for (const step of steps)
      if (step.assigned && state.capability) step.capability ??= state.capability;
  }
  const protos = [...line.matchAll(/&(\w*proto\w*)/g)].map((m) => m[1]);
  const calls = [...line.matchAll(/\b(\w*_proto)\(/g)].map((m) => m[1]);
  const refuses = line === 'return NULL;' && !guarded && !state.nested;
  if (protos.length + calls.length > 0 || refuses) {
    const maybe = guarded || /\bNULL\b/.test(line);
    steps.push({ ...where(state), protos, calls, ...(maybe && !refuses ? { maybe } : {}) });
    if (/^(func|fn) = /.test(line)) steps.at(-1).assigned = true;
  }
  if (!/^(return|break)/.test(line) || guarded) return;
  if (state.nested) state.nested.done = true;
  else state.done = true;
}

function where(state) {
  const helpers = state.labels.filter((l) => l.startsWith('BPF_FUNC_')).map((l) => l.slice(9));
  const step = {
    helpers,
    isDefault: state.labels.length === 0 || state.labels.includes('default'),
  };
  const config = state.config.filter((c) => c !== '');
  if (config.length > 0 && helpers.length > 0) step.config = config;
  if (state.capability) step.capability = state.capability;
  if (state.nested && /expected_attach_type/.test(state.nested.on)) {
    if (state.nested.labels.includes('default')) step.exceptAttach = state.nested.previous ?? [];
    else step.attach = [...state.nested.labels];
  }
  return step;
}

/** Resolves selector `name`: helper → { protos, capability?, config?, maybe?, attach?, exceptAttach? }. */
export function resolveSelector(name, selectors, memo = new Map()) {
  if (memo.has(name)) return memo.get(name);
  const result = { helpers: new Map(), plain: [], parent: undefined };
  memo.set(name, result);
  const body = selectors.get(name);
  if (body === undefined) return result;
  for (const step of readSelector(body)) applyStep(step, result, selectors, memo);
  return result;
}

function applyStep(step, result, selectors, memo) {
  for (const helper of step.helpers) answer(step, helper, result, selectors, memo);
  if (!step.isDefault) return;
  if (step.helpers.length === 0) result.plain.push(...step.protos);
  for (const call of step.calls) {
    if (selectors.has(call)) result.parent = call;
    for (const [helper, entry] of resolveSelector(call, selectors, memo).helpers) {
      if (result.helpers.has(helper)) continue;
      const row = { ...entry };
      if (step.capability) row.capability ??= step.capability;
      if (step.maybe) row.maybe = true;
      result.helpers.set(helper, row);
    }
  }
}

function answer(step, helper, result, selectors, memo) {
  const protos = [...step.protos];
  for (const call of step.calls) {
    const other = resolveSelector(call, selectors, memo);
    protos.push(...(other.helpers.get(helper)?.protos ?? other.plain));
  }
  const seen = result.helpers.get(helper);
  if (seen) {
    for (const proto of protos) if (!seen.protos.includes(proto)) seen.protos.push(proto);
    return;
  }
  const { capability, config, maybe, attach, exceptAttach } = step;
  const row = { protos, capability, config, maybe, attach, exceptAttach };
  for (const key of Object.keys(row)) if (row[key] === undefined) delete row[key];
  result.helpers.set(helper, row);
}

/**
 * What `child` answers differently from its parent: rows to add or replace; a row without prototypes
 * takes the helper away. Keeps the generated table small without losing anything.
 */
export function difference(child, parent) {
  const rows = new Map();
  for (const [helper, row] of child.helpers) {
    const inherited = parent?.helpers.get(helper);
    if (inherited ? JSON.stringify(inherited) !== JSON.stringify(row) : row.protos.length > 0) {
      rows.set(helper, row);
    }
  }
  for (const helper of parent?.helpers.keys() ?? []) {
    if (!child.helpers.has(helper)) rows.set(helper, { protos: [] });
  }
  return rows;
}
