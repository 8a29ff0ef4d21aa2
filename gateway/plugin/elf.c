/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elf - see elf.h. The file is somebody else's: every offset and size is
 * checked by the read itself, counts are capped.
 */
#include "gateway/plugin/elf.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <gantry/plugin.h>

#include "gateway/base/memory.h"

#define ELF_MAX_HEADERS 512
#define ELF_MAX_TABLE (16u << 20)	/* bytes of symbols or names */
#define ELF_MAX_NOTES (64u << 10)
#define ELF_ENTRY "gantry_plugin_entry"
#define ELF_JANSSON "libjansson.so.4"

_Static_assert(sizeof(void *) == 8, "plugins are 64-bit");

struct elf_file {
	int fd;
	const char *path;
	struct gantry_error *err;
	Elf64_Ehdr head;
	Elf64_Shdr *sections;
	size_t n_sections;
};

/* A symbol table with its names. */
struct elf_symbols {
	Elf64_Sym *list;
	size_t n;
	char *names;
	size_t names_len;	/* the last byte is NUL */
};

static int elf_fail(const struct elf_file *f, const char *what)
{
	return gantry_fail(f->err, "%s: %s", f->path, what);
}

static int elf_damaged(const struct elf_file *f)
{
	return elf_fail(f, "is damaged, or its section headers are gone; "
			   "build it again");
}

/* len bytes from at, to be freed; NULL if they are not all there. */
static void *elf_read(const struct elf_file *f, uint64_t at, uint64_t len,
		      uint64_t max)
{
	char *bytes;

	if (len > max || at > INT64_MAX - len)
		return NULL;
	bytes = memory_new(len + 1);
	if (pread(f->fd, bytes, len, (off_t)at) == (ssize_t)len)
		return bytes;
	free(bytes);
	return NULL;
}

static uint16_t elf_machine(void)
{
	Elf64_Ehdr own = { 0 };
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : pread(fd, &own, sizeof(own), 0);

	if (fd >= 0)
		close(fd);
	return n == (ssize_t)sizeof(own) ? own.e_machine : EM_NONE;
}

static int elf_read_head(struct elf_file *f)
{
	const Elf64_Ehdr *h = &f->head;

	if (pread(f->fd, &f->head, sizeof(f->head), 0) !=
		    (ssize_t)sizeof(f->head) ||
	    memcmp(h->e_ident, ELFMAG, SELFMAG) != 0)
		return elf_fail(f, "is not an ELF file");
	if (h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_type != ET_DYN ||
	    h->e_machine != elf_machine())
		return elf_fail(f, "is not a 64-bit shared object for this "
				   "machine");
	if (h->e_phentsize != sizeof(Elf64_Phdr) ||
	    h->e_phnum > ELF_MAX_HEADERS || h->e_shnum == 0 ||
	    h->e_shentsize != sizeof(Elf64_Shdr) ||
	    h->e_shnum > ELF_MAX_HEADERS)
		return elf_damaged(f);
	f->n_sections = h->e_shnum;
	f->sections = elf_read(f, h->e_shoff,
			       f->n_sections * sizeof(Elf64_Shdr),
			       ELF_MAX_TABLE);
	return f->sections != NULL ? 0 : elf_damaged(f);
}

/* Whether a note segment holds ours. */
static bool elf_find_note(const char *notes, size_t len,
			  struct elf_numbers *out)
{
	size_t at = 0;

	while (at <= len && len - at >= sizeof(Elf64_Nhdr)) {
		struct gantry_note note;
		Elf64_Nhdr head;
		uint64_t size;

		memcpy(&head, notes + at, sizeof(head));
		size = sizeof(head) + ((head.n_namesz + UINT64_C(3)) & ~UINT64_C(3)) +
		       ((head.n_descsz + UINT64_C(3)) & ~UINT64_C(3));
		if (len - at >= sizeof(note)) {
			memcpy(&note, notes + at, sizeof(note));
			if (note.name_size == 7 && note.content_size == 8 &&
			    note.type == 1 &&
			    memcmp(note.name, "Gantry", 7) == 0) {
				*out = (struct elf_numbers){ note.major,
							     note.level };
				return true;
			}
		}
		at += size;
	}
	return false;
}

static bool elf_note_of(struct elf_file *f, size_t i, struct elf_numbers *out)
{
	AUTO_FREE Elf64_Phdr *p = NULL;
	AUTO_FREE char *notes = NULL;

	p = elf_read(f, f->head.e_phoff + i * sizeof(*p), sizeof(*p),
		     sizeof(*p));
	if (p == NULL || p->p_type != PT_NOTE)
		return false;
	notes = elf_read(f, p->p_offset, p->p_filesz, ELF_MAX_NOTES);
	return notes != NULL && elf_find_note(notes, p->p_filesz, out);
}

static int elf_check_note(struct elf_file *f, struct elf_numbers *out)
{
	size_t i = 0;

	while (i < f->head.e_phnum && !elf_note_of(f, i, out))
		i++;
	if (i == f->head.e_phnum)
		return elf_fail(f, "has no Gantry note, so it is no plugin; "
				   "build it with GANTRY_PLUGIN() of "
				   "<gantry/plugin.h>");
	if (out->major != GANTRY_MAJOR)
		return gantry_fail(f->err,
				   "%s: built for plugin interface %u, this "
				   "gateway has %d; build it again with this "
				   "gateway's headers", f->path, out->major,
				   GANTRY_MAJOR);
	if (out->level > GANTRY_LEVEL)
		return gantry_fail(f->err,
				   "%s: needs level %u of plugin interface %d, "
				   "this gateway has level %d; update the "
				   "gateway, or build with GANTRY_LEVEL_WANTED "
				   "%d", f->path, out->level, GANTRY_MAJOR,
				   GANTRY_LEVEL, GANTRY_LEVEL);
	return 0;
}

static const Elf64_Shdr *elf_section(const struct elf_file *f, uint32_t type)
{
	for (size_t i = 0; i < f->n_sections; i++)
		if (f->sections[i].sh_type == type)
			return &f->sections[i];
	return NULL;
}

static char *elf_read_names(struct elf_file *f, uint32_t link, size_t *len_out)
{
	char *names;

	if (link >= f->n_sections)
		return NULL;
	*len_out = f->sections[link].sh_size + 1;
	names = elf_read(f, f->sections[link].sh_offset,
			 f->sections[link].sh_size, ELF_MAX_TABLE);
	return names;	/* elf_read() left a NUL behind them */
}

static void elf_free_symbols(struct elf_symbols *s)
{
	free(s->list);
	free(s->names);
}

/* No such table: none, and no failure. */
static int elf_read_symbols(struct elf_file *f, uint32_t type,
			    struct elf_symbols *out)
{
	const Elf64_Shdr *section = elf_section(f, type);

	*out = (struct elf_symbols){ 0 };
	if (section == NULL)
		return 0;
	out->n = section->sh_size / sizeof(Elf64_Sym);
	out->list = elf_read(f, section->sh_offset, out->n * sizeof(Elf64_Sym),
			     ELF_MAX_TABLE);
	out->names = elf_read_names(f, section->sh_link, &out->names_len);
	if (out->list != NULL && out->names != NULL)
		return 0;
	elf_free_symbols(out);
	*out = (struct elf_symbols){ 0 };
	return elf_damaged(f);
}

static const char *elf_name(const struct elf_symbols *s, size_t i)
{
	return s->list[i].st_name < s->names_len ?
		       s->names + s->list[i].st_name : "";
}

static bool elf_begins(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

static bool elf_needs_jansson(struct elf_file *f)
{
	const Elf64_Shdr *section = elf_section(f, SHT_DYNAMIC);
	AUTO_FREE Elf64_Dyn *list = NULL;
	AUTO_FREE char *names = NULL;
	size_t len = 0;

	if (section == NULL)
		return false;
	list = elf_read(f, section->sh_offset, section->sh_size, ELF_MAX_TABLE);
	names = elf_read_names(f, section->sh_link, &len);
	for (size_t i = 0; list != NULL && names != NULL &&
			   i < section->sh_size / sizeof(*list); i++)
		if (list[i].d_tag == DT_NEEDED && list[i].d_un.d_val < len &&
		    strcmp(names + list[i].d_un.d_val, ELF_JANSSON) == 0)
			return true;
	return false;
}

/* Names that old linkers export by themselves. */
static bool elf_is_linkers(const char *name)
{
	static const char *const names[] = { "_init", "_fini", "_edata",
					     "_end", "__bss_start" };

	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static int elf_check_export(struct elf_file *f, const char *name, bool *entry)
{
	if (strcmp(name, ELF_ENTRY) == 0) {
		*entry = true;
		return 0;
	}
	if (elf_is_linkers(name))
		return 0;
	return gantry_fail(f->err, "%s: exports %s beside " ELF_ENTRY
			   "; make it static, or build with "
			   "-fvisibility=hidden", f->path, name);
}

static int elf_check_import(struct elf_file *f, const char *name,
			    bool (*offers)(const char *))
{
	if (elf_begins(name, "gantry_") && !offers(name))
		return gantry_fail(f->err, "%s: calls %s, which this gateway "
				   "(plugin interface %d, level %d) does not "
				   "have; update the gateway, or use what "
				   "gantry-plugin(3) says it has", f->path, name, GANTRY_MAJOR,
				   GANTRY_LEVEL);
	if (elf_begins(name, "json_") && !elf_needs_jansson(f))
		return gantry_fail(f->err, "%s: calls %s without " ELF_JANSSON
				   "; link it with -ljansson", f->path, name);
	return 0;
}

static int elf_check_dynamic(struct elf_file *f, const struct elf_symbols *s,
			     bool (*offers)(const char *))
{
	bool entry = false;

	for (size_t i = 1; i < s->n; i++) {
		unsigned bind = ELF64_ST_BIND(s->list[i].st_info);
		const char *name = elf_name(s, i);
		int result = 0;

		if (s->list[i].st_shndx != SHN_UNDEF && bind != STB_LOCAL)
			result = elf_check_export(f, name, &entry);
		else if (bind == STB_GLOBAL)
			result = elf_check_import(f, name, offers);
		if (result < 0)
			return -1;
	}
	return entry ? 0 :
		       elf_fail(f, "does not export " ELF_ENTRY "; build it "
				   "with GANTRY_PLUGIN() of <gantry/plugin.h>");
}

/*
 * A copy of jansson inside would take the core's trees apart by its own rules.
 * Static inline functions of jansson.h are no sign of one. Seen only while the
 * file is not stripped.
 */
static int elf_check_copies(struct elf_file *f, const struct elf_symbols *s)
{
	static const char *const signs[] = { "json_delete", "json_object",
					     "json_array", "json_loadb",
					     "json_loads", "json_dumps",
					     "json_object_get" };

	for (size_t i = 1; i < s->n; i++) {
		if (s->list[i].st_shndx == SHN_UNDEF ||
		    ELF64_ST_TYPE(s->list[i].st_info) != STT_FUNC)
			continue;
		for (size_t j = 0; j < ARRAY_LENGTH(signs); j++)
			if (strcmp(elf_name(s, i), signs[j]) == 0)
				return gantry_fail(f->err,
						   "%s: carries its own jansson "
						   "(%s); link it with -ljansson "
						   "instead", f->path, signs[j]);
	}
	return 0;
}

static int elf_check_symbols(struct elf_file *f, bool (*offers)(const char *))
{
	struct elf_symbols s;
	int result;

	if (elf_read_symbols(f, SHT_SYMTAB, &s) < 0)
		return -1;
	result = elf_check_copies(f, &s);
	elf_free_symbols(&s);
	if (result < 0 || elf_read_symbols(f, SHT_DYNSYM, &s) < 0)
		return -1;
	result = elf_check_dynamic(f, &s, offers);
	elf_free_symbols(&s);
	return result;
}

int elf_check(int fd, const char *path, bool (*offers)(const char *symbol),
	      struct elf_numbers *numbers_out, struct gantry_error *err)
{
	struct elf_file f = { .fd = fd, .path = path, .err = err };
	int result = elf_read_head(&f);

	if (result == 0)
		result = elf_check_note(&f, numbers_out);
	if (result == 0)
		result = elf_check_symbols(&f, offers);
	free(f.sections);
	return result;
}
