#pragma once

#include <string_view>

namespace hawser::protocol {

/// Whether `text` as a whole fits the glob `pattern`, exactly as KEYS, SCAN MATCH and PSUBSCRIBE of
/// Redis judge it (stringmatchlen in util.c, case-sensitive): `*` any bytes, `?` one byte, `[abc]`,
/// `[a-z]`, `[^x]`, and a backslash takes the next byte as it is. Every pattern means something:
/// - a class that is not closed ends with the pattern; `[^` alone fits any byte, `[` none;
/// - a `]` right behind `a-` is the end of the range, not of the class;
/// - the ends of a range may come in either order, and count as signed bytes (as on x86);
/// - an escaped byte in a class is never the beginning of a range;
/// - a lone backslash at the end of the pattern, or of a class, is itself;
/// - an empty text fits the empty pattern only, not `*`.
/// Time is at most pattern times text, whatever the pattern. (Late releases of Redis refuse a
/// pattern of more than 1000 stars; here there is no such limit.)
bool glob_match(std::string_view pattern, std::string_view text);

}  // namespace hawser::protocol
