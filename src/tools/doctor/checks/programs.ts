import { EM_BPF } from '../../../elf/index.ts';
import { CALL } from '../../../isa/index.ts';
import { finding } from '../codes.ts';
import { sectionForm } from '../sections.ts';
import { functionAt, insnOf, isCode, symbolName } from '../subject.ts';
import type { Finding } from '../types.ts';
import type { Check } from './check.ts';

/** Types whose target is looked up in BTF when they are loaded (SEC_ATTACH_BTF). */
export const needsTarget = (type: string | undefined): boolean =>
  type === 'tracing' || type === 'lsm' || type === 'ext';

/** Does every program section say what its programs are? */
export const checkSections: Check = ({ subject }) =>
  subject.elf.sections.filter(isCode).flatMap((section): Finding[] => {
    const { name } = section;
    if (name === '.text' || sectionForm(name)) return [];
    const first = subject.symbols.find(
      (one) => one.section === section.index && one.type === 'function',
    );
    if (!first) return [];
    const says = `prog '${first.name}': missing BPF prog type, check ELF section name '${name}'`;
    const stem = name.replace(/^\?/, '').split('/')[0]!;
    const severity = name.startsWith('?') ? ('warning' as const) : ('error' as const);
    if (name.includes('/') && sectionForm(stem)) {
      const message = `'${name}' is '${stem}' with a suffix, which no libbpf since 1.0 takes`;
      const fix = `SEC("${stem}")`;
      return [finding('loose-section', name, message, { says, severity, fix })];
    }
    const message = `'${name}' tells no program type`;
    return [finding('unknown-section', name, message, { says, severity })];
  });

/** libbpf takes no static function in a section of its own (bpf_object__add_programs). */
export const checkStatic: Check = ({ subject: { elf, symbols } }) =>
  symbols.flatMap(({ name, type, binding, section: index }) => {
    const section = elf.sections[index];
    if (type !== 'function' || binding !== 'local' || !section || !isCode(section)) return [];
    if (section.name === '.text') return [];
    const says = `sec '${section.name}': program '${name}' is static and not supported`;
    const message = `'${name}' is a static function in the section '${section.name}'`;
    return [finding('static-program', name, message, { says })];
  });

/** Only functions in .text can be called, or have their address taken (sym_is_subprog). */
export const checkCalls: Check = ({ subject }) => {
  const found = new Map<string, Finding>();
  for (const placed of subject.relocations) {
    const { home, symbol } = placed;
    const target = subject.elf.sections[symbol.section];
    const code = subject.code.get(home.index);
    if (!target || !code || !isCode(target) || target.name === '.text') continue;
    const name = symbolName(subject, symbol);
    const caller = functionAt(subject, placed);
    const kind = code.op[insnOf(placed)] === CALL ? 'call' : 'map';
    const says = `prog '${caller}': bad ${kind} relo against '${name}' in section '${target.name}'`;
    const message = `'${caller}' refers to '${name}', which is in '${target.name}', not in .text`;
    found.set(`${caller} ${name}`, finding('call-outside-text', name, message, { says }));
  }
  return [...found.values()];
};

/** Programs libbpf leaves out, cannot attach, or finds no use for. */
export const checkLoading: Check = ({ subject: { elf, object } }) => {
  if (!object || elf.machine !== EM_BPF) return [];
  const entries = object.programs.filter(({ section }) => section !== '.text');
  if (entries.length === 0) return [finding('no-programs', '', 'libbpf finds nothing to load')];
  const used = new Set(
    object.maps
      .flatMap(({ initialSlots }) => initialSlots ?? [])
      .flatMap(({ kind, name }) => (kind === 'program' ? [name] : [])),
  );
  return entries.flatMap(({ name, section, type, attachTarget, autoload }): Finding[] => {
    if (autoload === false) {
      const message = `'${section}': loaded only if the loader asks for it`;
      return [finding('not-autoloaded', name, message)];
    }
    if (needsTarget(type) && !attachTarget) {
      const says =
        `prog '${name}': no BTF-based attach target is specified, use ` +
        'bpf_program__set_attach_target()';
      return [finding('attach-target-open', name, `'${section}' names no target`, { says })];
    }
    if (type !== 'struct_ops' || used.has(name)) return [];
    const says =
      `prog '${name}': SEC("struct_ops") program isn't referenced anywhere, ` +
      'did you forget to use it?';
    return [finding('struct-ops-unused', name, 'no struct_ops table names it', { says })];
  });
};
