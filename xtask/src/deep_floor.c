/* What a deep audit costs at least: the three reads and the MD5 sums, nothing judged, nothing let go.
 *
 *     deep_floor floor|quick_check|integrity_check DATABASE...
 *
 * Prints one line a database: milliseconds of CPU time, of wall time, and what was found. Built
 * against the same SQLite as the auditor, with its default page cache. */
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* MD5 (RFC 1321). The constants are the integer parts of 2^32 times abs(sin(i)). */
static const uint32_t SINES[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391};
static const int TURNS[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

#define STEP(MIX, WORD)                                                                        \
    do {                                                                                       \
        uint32_t sum = a + (MIX) + SINES[i] + words[WORD];                                     \
        int turn = TURNS[i / 16][i % 4];                                                       \
        a = d, d = c, c = b, b += sum << turn | sum >> (32 - turn);                            \
    } while (0)

static void md5_block(uint32_t state[4], const unsigned char *block) {
    uint32_t words[16], a = state[0], b = state[1], c = state[2], d = state[3];
    memcpy(words, block, 64);
    int i = 0;
#pragma GCC unroll 16
    for (; i < 16; i++) STEP((b & c) | (~b & d), i);
#pragma GCC unroll 16
    for (; i < 32; i++) STEP((d & b) | (~d & c), (5 * i + 1) % 16);
#pragma GCC unroll 16
    for (; i < 48; i++) STEP(b ^ c ^ d, (3 * i + 5) % 16);
#pragma GCC unroll 16
    for (; i < 64; i++) STEP(c ^ (b | ~d), 7 * i % 16);
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
}

static void md5_xor(uint32_t total[4], const unsigned char *text, size_t len) {
    uint32_t state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    unsigned char last[128] = {0};
    size_t whole = len / 64 * 64, rest = len - whole, end = rest < 56 ? 64 : 128;
    uint64_t bits = (uint64_t)len * 8;
    for (size_t at = 0; at < whole; at += 64) md5_block(state, text + at);
    memcpy(last, text + whole, rest);
    last[rest] = 0x80;
    memcpy(last + end - 8, &bits, 8);
    for (size_t at = 0; at < end; at += 64) md5_block(state, last + at);
    for (int i = 0; i < 4; i++) total[i] ^= state[i];
}

static uint64_t row_sum(int64_t deleted, int64_t id, const unsigned char *name, int len) {
    uint64_t sum = (uint64_t)id * 0x9e3779b97f4a7c15u + (uint64_t)deleted;
    for (int at = 0; at < len; at++) sum = (sum ^ name[at]) * 0x100000001b3u;
    return sum;
}

static sqlite3_stmt *query(sqlite3 *db, const char *sql) {
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, 0) != SQLITE_OK) {
        fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
        exit(1);
    }
    return statement;
}

static void pragma(sqlite3 *db, const char *sql, char *found, size_t room) {
    sqlite3_stmt *statement = query(db, sql);
    sqlite3_step(statement);
    snprintf(found, room, "%s", (const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
}

static void reads(sqlite3 *db, char *found, size_t room) {
    char checked[64];
    unsigned char text[4096];
    uint32_t hash[4] = {0};
    uint64_t table = 0, index = 0;
    int64_t rows = 0, live = 0, bytes = 0;
    pragma(db, "PRAGMA quick_check(1)", checked, sizeof checked);
    sqlite3_stmt *statement = query(db,
        "SELECT ROWID, name, created_at, size, deleted, storage_policy_index FROM object NOT INDEXED");
    while (sqlite3_step(statement) == SQLITE_ROW) {
        const unsigned char *name = sqlite3_column_text(statement, 1);
        const unsigned char *created = sqlite3_column_text(statement, 2);
        int len = sqlite3_column_bytes(statement, 1), more = sqlite3_column_bytes(statement, 2);
        if (len + 1 + more > (int)sizeof text) exit(1);
        memcpy(text, name, len);
        text[len] = '-';
        memcpy(text + len + 1, created, more);
        md5_xor(hash, text, len + 1 + more);
        int64_t deleted = sqlite3_column_int64(statement, 4);
        table += row_sum(deleted, sqlite3_column_int64(statement, 0), name, len);
        rows++, live += 1 - deleted, bytes += sqlite3_column_int64(statement, 3);
        if (sqlite3_column_int64(statement, 5) != 0) exit(1);
    }
    sqlite3_finalize(statement);
    statement = query(db,
        "SELECT deleted, name, ROWID FROM object INDEXED BY ix_object_deleted_name");
    while (sqlite3_step(statement) == SQLITE_ROW) {
        const unsigned char *name = sqlite3_column_text(statement, 1);
        index += row_sum(sqlite3_column_int64(statement, 0), sqlite3_column_int64(statement, 2),
                         name, sqlite3_column_bytes(statement, 1));
    }
    sqlite3_finalize(statement);
    char stored[64];
    pragma(db, "SELECT hash FROM container_info", stored, sizeof stored);
    char hex[33];
    for (int i = 0; i < 16; i++) sprintf(hex + 2 * i, "%02x", ((unsigned char *)hash)[i]);
    snprintf(found, room, "%s, hash %s, index %s, %lld rows, %lld live, %lld bytes", checked,
             strcmp(hex, stored) ? "differs" : "agrees", table == index ? "agrees" : "differs",
             (long long)rows, (long long)live, (long long)bytes);
}

static double seconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

int main(int count, char **words) {
    if (count < 3) return fprintf(stderr, "usage: deep_floor WHAT DATABASE...\n"), 1;
    for (int at = 2; at < count; at++) {
        sqlite3 *db;
        char found[256], sql[64];
        double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID), wall = seconds(CLOCK_MONOTONIC);
        if (sqlite3_open_v2(words[at], &db, SQLITE_OPEN_READONLY, 0) != SQLITE_OK) return 1;
        if (strcmp(words[1], "floor") == 0) {
            reads(db, found, sizeof found);
        } else {
            snprintf(sql, sizeof sql, "PRAGMA %s", words[1]);
            pragma(db, sql, found, sizeof found);
        }
        sqlite3_close(db);
        printf("%s %.1f %.1f %s\n", words[1], (seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu) * 1e3,
               (seconds(CLOCK_MONOTONIC) - wall) * 1e3, found);
    }
    return 0;
}
