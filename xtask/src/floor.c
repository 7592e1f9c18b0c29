/* The floor: what the kernel charges for what Martlet asks of it.
 *
 * It walks DEVICES/DEVICE/containers as Martlet does, takes SQLite's shared lock, lists under it,
 * reads the pages that hold the row, and looks at none of it. Every call is one that Martlet makes,
 * in the same order and with the same flags; it makes no other. `floor DEVICES` prints the number of
 * databases. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define BUFFER (64 * 1024)
#define NAMES_MAX 65536
#define ARENA (4 * 1024 * 1024)
#define PAGE 4096
#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOATIME)
#define FILE_FLAGS (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOATIME)
/* ext4's position at the end of a directory: it saves the call that would return nothing. */
#define EXT4_END 0x7fffffffffffffffLL
#define EXT4_MAGIC 0xef53

struct entry {
    unsigned long long ino;
    long long off;
    unsigned short length;
    unsigned char type;
    char name[];
};

static char buffer[BUFFER], pages[4 * PAGE], page1[PAGE];
static char arena[ARENA];
static size_t used;
static unsigned long databases;
static int ext4;

/* Lists a directory to its end: its subdirectories' names, sorted, into the arena. */
static size_t list(int dir, char **names, size_t room)
{
    size_t count = 0;
    long got;
    while (0 < (got = syscall(SYS_getdents64, dir, buffer, sizeof buffer))) {
        long long last = 0;
        for (long at = 0; at < got;) {
            struct entry *entry = (struct entry *)(buffer + at);
            size_t length = strlen(entry->name) + 1;
            at += entry->length;
            last = entry->off;
            if (entry->name[0] == '.' || count == room || ARENA - used < length)
                continue;
            if (names && entry->type == DT_DIR) {
                names[count++] = memcpy(arena + used, entry->name, length);
                used += length;
            }
        }
        if (ext4 && last == EXT4_END)
            break;
    }
    return count;
}

/* What is done with a hash directory. */
static void look(int dir, const char *hash)
{
    char name[300];
    snprintf(name, sizeof name, "%s.db", hash);
    int file = openat(dir, name, FILE_FLAGS);
    if (file < 0)
        return;
    struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0x40000002, .l_len = 510 };
    if (fcntl(file, F_OFD_SETLK, &lock) == 0) {
        list(dir, NULL, 0);
        posix_fadvise(file, 0, 0, POSIX_FADV_RANDOM);
        if (pread(file, page1, PAGE, 0) == PAGE && 8 * PAGE <= lseek(file, 0, SEEK_END)
            && pread(file, pages, sizeof pages, 8 * PAGE) == (ssize_t)sizeof pages)
            databases++;
    }
    close(file);
}

static int by_number(const void *left, const void *right)
{
    const char *a = *(const char *const *)left, *b = *(const char *const *)right;
    long x = atol(a), y = atol(b);
    return x == y ? strcmp(a, b) : x < y ? -1 : 1;
}

static int by_name(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* Walks what lies on a floor: 0 is `containers`, 3 a hash directory. */
static void walk(int at, const char *path, int floor)
{
    int dir = openat(at, path, DIR_FLAGS);
    if (dir < 0)
        return;
    if (floor == 0) {
        struct statfs found;
        ext4 = fstatfs(dir, &found) == 0 && found.f_type == EXT4_MAGIC;
    }
    if (floor == 3) {
        look(dir, path);
    } else {
        static char *kept[3][NAMES_MAX];
        size_t before = used, count = list(dir, kept[floor], NAMES_MAX);
        qsort(kept[floor], count, sizeof kept[floor][0], floor == 0 ? by_number : by_name);
        for (size_t index = 0; index < count; index++)
            walk(dir, kept[floor][index], floor + 1);
        used = before;
    }
    close(dir);
}

int main(int count, char **words)
{
    static char *devices[NAMES_MAX];
    int dir = count == 2 ? open(words[1], DIR_FLAGS) : -1;
    if (dir < 0) {
        fprintf(stderr, "usage: floor DEVICES\n");
        return 1;
    }
    size_t found = list(dir, devices, NAMES_MAX);
    for (size_t index = 0; index < found; index++) {
        char path[300];
        snprintf(path, sizeof path, "%s/containers", devices[index]);
        walk(dir, path, 0);
    }
    close(dir);
    printf("%lu\n", databases);
    return 0;
}
