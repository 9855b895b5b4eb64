import type { ObjectFile } from '../types.ts';
import { fillMaps, fillPrograms, fillTables } from './fill.ts';
import { readModel, type SkeletonModel } from './model.ts';
import { member, memoryStructs, pointers, sizeChecks, tableStructs } from './structs.ts';

/**
 * A C header with the object in it and functions to open, load and attach it: what programs that
 * use libbpf include. Names, members and functions are those of `bpftool gen skeleton` of Linux
 * 6.12, so that a program does not see which of the two made its header. `name` starts every name
 * in it.
 *
 * Throws `FormatError` for an object whose types C cannot express.
 */
export function printSkeleton(object: ObjectFile, bytes: Uint8Array, name: string): string {
  const model = readModel(object, name);
  const guard = `__${name.toUpperCase()}_SKEL_H__`;
  return `${openGuard(guard)}
#define BPF_SKEL_SUPPORTS_MAP_AUTO_ATTACH 1

${struct(model)}
${destroy(name)}
${elfBytes(name, bytes)}
${create(model)}
${open(model)}
${loadAndAttach(name)}
${classMethods(name)}
${checks(model)}
#endif /* ${guard} */
`;
}

/** What both kinds of headers begin with. */
export function openGuard(guard: string): string {
  return `/* SPDX-License-Identifier: MIT */
/* Made by beeyard from a BPF object. Do not edit. */
#ifndef ${guard}
#define ${guard}

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <bpf/libbpf.h>
`;
}

function struct(model: SkeletonModel): string {
  const { name, maps, programs } = model;
  const idents = maps.map(({ ident }) => ident);
  const tables = maps.filter(({ structOps }) => structOps !== 0).map(({ ident }) => ident);
  const members = [
    member(pointers('bpf_map', idents), 'maps'),
    tableStructs(model),
    member(pointers('bpf_program', programs), 'progs'),
    member(pointers('bpf_link', [...programs, ...tables]), 'links'),
    memoryStructs(model),
  ];
  return `struct ${name} {
	struct bpf_object_skeleton *skeleton;
	struct bpf_object *obj;
${members.join('')}
#ifdef __cplusplus
	static inline struct ${name} *open(const struct bpf_object_open_opts *opts = nullptr);
	static inline struct ${name} *open_and_load();
	static inline int load(struct ${name} *skel);
	static inline int attach(struct ${name} *skel);
	static inline void detach(struct ${name} *skel);
	static inline void destroy(struct ${name} *skel);
	static inline const void *elf_bytes(size_t *sz);
#endif
};
`;
}

const destroy = (name: string): string => `static inline void ${name}__destroy(struct ${name} *obj)
{
	if (obj && obj->skeleton)
		bpf_object__destroy_skeleton(obj->skeleton);
	free(obj);
}
`;

/** Bytes of text a line may have. */
const LINE = 76;

function elfBytes(name: string, bytes: Uint8Array): string {
  return `/* The object file, aligned as libbpf reads it. */
static inline const void *${name}__elf_bytes(size_t *sz)
{
	static const char data[] __attribute__((__aligned__(8))) =
${literals(bytes)};

	*sz = sizeof(data) - 1;
	return (const void *)data;
}
`;
}

function literals(bytes: Uint8Array): string {
  const lines: string[] = [];
  let line = '';
  for (const byte of bytes) {
    // Only escapes follow, so a short one never takes a digit for its own.
    line += byte === 0 ? '\\0' : `\\x${byte.toString(16).padStart(2, '0')}`;
    if (line.length < LINE) continue;
    lines.push(line);
    line = '';
  }
  if (line !== '' || lines.length === 0) lines.push(line);
  return lines.map((text) => `\t\t"${text}"`).join('\n');
}

function create(model: SkeletonModel): string {
  const { name } = model;
  return `static inline int ${name}__create_skeleton(struct ${name} *obj)
{
	struct bpf_map_skeleton *map __attribute__((unused));
	struct bpf_object_skeleton *s;

	s = (struct bpf_object_skeleton *)calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;

	s->sz = sizeof(*s);
	s->name = "${name}";
	s->obj = &obj->obj;
	s->data = ${name}__elf_bytes(&s->data_sz);
${fillMaps(model, true)}${fillPrograms(model, true)}
	obj->skeleton = s;
	return 0;
${model.maps.length + model.programs.length > 0 ? NO_MEMORY : ''}}
`;
}

const NO_MEMORY = `
no_memory:
	bpf_object__destroy_skeleton(s);
	return -ENOMEM;
`;

function open(model: SkeletonModel): string {
  const { name } = model;
  return `static inline struct ${name} *${name}__open_opts(const struct bpf_object_open_opts *opts)
{
	struct ${name} *obj = (struct ${name} *)calloc(1, sizeof(*obj));
	int err;

	if (!obj) {
		errno = ENOMEM;
		return NULL;
	}
	err = ${name}__create_skeleton(obj);
	if (!err)
		err = bpf_object__open_skeleton(obj->skeleton, opts);
	if (err) {
		${name}__destroy(obj);
		errno = -err;
		return NULL;
	}
${fillTables(model)}	return obj;
}

static inline struct ${name} *${name}__open(void)
{
	return ${name}__open_opts(NULL);
}
`;
}

const loadAndAttach = (
  name: string,
): string => `static inline int ${name}__load(struct ${name} *obj)
{
	return bpf_object__load_skeleton(obj->skeleton);
}

static inline struct ${name} *${name}__open_and_load(void)
{
	struct ${name} *obj = ${name}__open();
	int err = obj ? ${name}__load(obj) : 0;

	if (!err)
		return obj;
	${name}__destroy(obj);
	errno = -err;
	return NULL;
}

static inline int ${name}__attach(struct ${name} *obj)
{
	return bpf_object__attach_skeleton(obj->skeleton);
}

static inline void ${name}__detach(struct ${name} *obj)
{
	bpf_object__detach_skeleton(obj->skeleton);
}
`;

const classMethods = (name: string): string => `#ifdef __cplusplus
struct ${name} *${name}::open(const struct bpf_object_open_opts *opts)
{
	return ${name}__open_opts(opts);
}
struct ${name} *${name}::open_and_load() { return ${name}__open_and_load(); }
int ${name}::load(struct ${name} *skel) { return ${name}__load(skel); }
int ${name}::attach(struct ${name} *skel) { return ${name}__attach(skel); }
void ${name}::detach(struct ${name} *skel) { ${name}__detach(skel); }
void ${name}::destroy(struct ${name} *skel) { ${name}__destroy(skel); }
const void *${name}::elf_bytes(size_t *sz) { return ${name}__elf_bytes(sz); }
#endif
`;

/** Variables are read where BPF put them: sizes that differ must not go unseen. */
function checks(model: SkeletonModel): string {
  const lines = sizeChecks(model);
  if (!lines) return '';
  return `#ifdef __cplusplus
#define _Static_assert static_assert
#endif
__attribute__((unused)) static void
${model.name}__assert(struct ${model.name} *s __attribute__((unused)))
{
${lines}}
#ifdef __cplusplus
#undef _Static_assert
#endif
`;
}
