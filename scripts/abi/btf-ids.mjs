/**
 * Sets of BTF ids that the kernel keeps in its section `.BTF_ids`: kfuncs with their flags, LSM
 * hooks by property, functions that must not be attached to. The section has no names; a set is
 * recognised by its members, which the source tells.
 */
import { stripComments } from './c-text.mjs';

const SET8_KFUNCS = 1;

/** Sets that start with their flag word: [{ index, entries: [id, flags][] }]. */
function kfuncSets(words, names) {
  const found = [];
  for (let at = 0; at + 3 < words.length; at++) {
    const count = words[at];
    if (words[at + 1] !== SET8_KFUNCS || count === 0 || at + 2 + 2 * count > words.length) continue;
    const entries = Array.from({ length: count }, (_, i) => [
      words[at + 2 + 2 * i],
      words[at + 3 + 2 * i],
    ]);
    const sorted = entries.every(([id], i) => i === 0 || entries[i - 1][0] <= id);
    if (sorted && entries.every(([id, flags]) => id === 0 || (names[id] && flags < 1 << 12))) {
      found.push(entries.filter(([id]) => id !== 0));
    }
  }
  return found;
}

/** BTF_KFUNCS_START … END and BTF_SET_START … END of the source: name → function names. */
function sourceSets(files, start) {
  const sets = new Map();
  const pattern = new RegExp(`\\b${start}_START\\((\\w+)\\)([\\s\\S]*?)${start}_END\\(\\1\\)`, 'g');
  for (const [, text] of files) {
    for (const [, name, body] of stripComments(text).matchAll(pattern)) {
      const members = [...body.matchAll(/BTF_ID(?:_FLAGS)?\((?:func|struct),\s*(\w+)/g)];
      sets.set(
        name,
        members.map((match) => match[1]),
      );
    }
  }
  return sets;
}

/** The set of these functions that has no flag word of its own, if the image has it. */
function plainSet(words, btf, list) {
  const ids = list.flatMap((name) => btf.funcs.get(name) ?? []).sort((a, b) => a - b);
  const wanted = [ids.length, 0, ...ids.flatMap((id) => [id, 0])];
  const start = words.findIndex((_, at) => wanted.every((word, i) => words[at + i] === word));
  return ids.length > 0 && start >= 0 ? ids.map((id) => [id, 0]) : undefined;
}

/** Kfunc sets of the image, with their names, program types and filters from the source. */
export function readKfuncs(words, btf, files) {
  const named = sourceSets(files, 'BTF_KFUNCS');
  const registered = registrations(files);
  const plain = [...sourceSets(files, 'BTF_SET8')].flatMap(([set, list]) => {
    const entries = plainSet(words, btf, list);
    if (!entries) return [];
    const kfuncs = entries.map(([id, flags]) => [btf.names[id], id, flags]);
    return [{ set, programs: registered.get(set)?.programs ?? [], kfuncs }];
  });
  return plain.concat(flaggedSets(words, btf, named, registered));
}

function flaggedSets(words, btf, named, registered) {
  return kfuncSets(words, btf.names).map((entries) => {
    const members = entries.map(([id]) => btf.names[id]);
    const has = ([, list]) => members.every((name) => list.includes(name));
    // One set is made by a macro over a list in a header: it names its parameter.
    const [set] = [...named].find(has) ?? [...named].find(([, list]) => list[0] === 'name') ?? [];
    if (!set) throw new Error(`no set of the source has ${members.join(', ')}`);
    const { programs = [], filter } = registered.get(set) ?? {};
    const kfuncs = entries.map(([id, flags]) => [btf.names[id], id, flags]);
    return { set, programs, filter, kfuncs: kfuncs.sort(([a], [b]) => (a < b ? -1 : 1)) };
  });
}

/** Set → where it is registered, through the `struct btf_kfunc_id_set` that points to it. */
export function registrations(files) {
  const found = new Map();
  for (const [, raw] of files) {
    const text = stripComments(raw);
    const owners = new Map();
    for (const [, owner, body] of text.matchAll(
      /struct btf_kfunc_id_set\s+(\w+)\s*=\s*\{([^}]*)\}/g,
    )) {
      const set = /\.set\s*=\s*&(\w+)/.exec(body)?.[1];
      const row = { programs: [], filter: /\.filter\s*=\s*(\w+)/.exec(body)?.[1] };
      owners.set(owner, row);
      found.set(set, row);
    }
    for (const [, type, owner] of text.matchAll(
      /register_btf_kfunc_id_set\(\s*(BPF_PROG_TYPE_\w+),\s*&(\w+)\)/g,
    )) {
      owners.get(owner)?.programs.push(type);
    }
    for (const [, owner] of text.matchAll(/register_btf_fmodret_id_set\(&(\w+)\)/g)) {
      owners.get(owner)?.programs.push('fmod_ret');
    }
  }
  return found;
}

/**
 * Plain sets: name → member names. Members that the configuration leaves out are not in the image:
 * of the source's list the part that is there as one sorted run.
 */
export function readSets(words, btf, files) {
  const result = {};
  for (const [name, list] of sourceSets(files, 'BTF_SET')) {
    if (list.length === 0) continue;
    const members = bestRun(words, btf, list);
    if (members) result[name] = members;
  }
  result.bpf_lsm_hooks = lsmHooks(words, btf);
  return Object.fromEntries(Object.entries(result).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The longest run `count, ids…` in the section whose ids are all in the list. */
function bestRun(words, btf, list) {
  const wanted = new Set(list);
  let best;
  for (let at = 0; at < words.length; at++) {
    const count = words[at];
    if (count === 0 || count > list.length + 1 || at + 1 + count > words.length) continue;
    const ids = Array.from(words.subarray(at + 1, at + 1 + count));
    const sorted = ids.every((id, i) => i === 0 || ids[i - 1] <= id);
    const named = ids.filter((id) => id !== 0);
    if (!sorted || named.length === 0 || !named.every((id) => wanted.has(btf.names[id]))) continue;
    if (!best || named.length > best.length) best = named;
  }
  return best?.map((id) => btf.names[id]);
}

/** The one set of hundreds of functions `bpf_lsm_*`. */
function lsmHooks(words, btf) {
  for (let at = 0; at < words.length; at++) {
    const count = words[at];
    if (count < 200 || at + 1 + count > words.length) continue;
    const members = Array.from(words.subarray(at + 1, at + 1 + count), (id) => btf.names[id]);
    if (members.every((name) => name?.startsWith('bpf_lsm_'))) return members;
  }
  throw new Error('the image has no set of LSM hooks');
}

/** `raw_tp_null_args`: tracepoint → bits per argument (4 each): 1 may be NULL, 2 may be an error. */
export function readNullArguments(text) {
  const table = /raw_tp_null_args\[\]\s*=\s*\{([\s\S]*?)\n\};/.exec(stripComments(text))[1];
  const mask = (expression) => expression.split('|').reduce((sum, part) => sum + Number(part), 0);
  const rows = [...table.matchAll(/\{\s*"(\w+)",\s*([^}]+?)\s*\}/g)];
  return Object.fromEntries(rows.map(([, name, expression]) => [name, mask(expression)]));
}

/** `ctx_arg_info` of iterators: target → arguments with a type of their own. */
export function readIterators(files, btf, structOf) {
  const targets = {};
  for (const [, raw] of files) {
    const text = stripComments(raw);
    const ids = new Map();
    for (const [, owner, index, id] of text.matchAll(
      /(\w+)\.ctx_arg_info\[(\d)\]\.btf_id\s*=\s*\*?([^;]+);/g,
    )) {
      ids.set(`${owner}[${index}]`, id.trim());
    }
    for (const [, owner, body] of text.matchAll(
      /struct bpf_iter_reg\s+(\w+)\s*=\s*\{([\s\S]*?)\n\};/g,
    )) {
      const target = /\.target\s*=\s*"(\w+)"/.exec(body)[1];
      const args = [...body.matchAll(/\{\s*offsetof\(struct (\w+),\s*(\w+)\),\s*([^}]+?)\s*\}/g)];
      targets[target] = args.map(([, struct, field, type], index) => {
        const id = ids.get(`${owner}[${index}]`);
        const row = {
          name: field,
          offset: btf.memberOffset(struct, field),
          type: type.split(/\s*\|\s*/),
        };
        return id ? { ...row, struct: structOf(id) } : row;
      });
    }
  }
  return Object.fromEntries(Object.entries(targets).sort(([a], [b]) => (a < b ? -1 : 1)));
}
