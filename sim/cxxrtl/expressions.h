// CXXRTL's expressions, but with a cost that grows with the bits taken, not with their square.
//
// A word of state is put together from 64 lanes, and taken apart again. CXXRTL makes each piece as
// wide as the whole before it joins or cuts; here each bit is moved once. Same meaning: these are
// specialisations of slice_expr and concat_expr of cxxrtl.h, to be included before `core.cc`.
#pragma once

#include <cxxrtl/cxxrtl.h>

namespace cxxrtl {

// Bits Start.. of a word, as many as fit `result`.
template <size_t Start, size_t Width, size_t Bits>
CXXRTL_ALWAYS_INLINE void cut(const value<Width> &word, value<Bits> &result) {
    constexpr size_t first = Start / 32, shift = Start % 32;
    for (size_t n = 0; n < result.chunks; n++) {
        result.data[n] = word.data[first + n] >> shift;
        if (shift != 0 && first + n + 1 < word.chunks)
            result.data[n] |= word.data[first + n + 1] << (32 - shift) % 32;
    }
    result.data[result.chunks - 1] &= result.msb_mask;
}

template <size_t Width, size_t Stop, size_t Start>
struct slice_expr<const value<Width>, Stop, Start>
    : public expr_base<slice_expr<const value<Width>, Stop, Start>> {
    static constexpr size_t bits = Stop - Start + 1;
    const value<Width> &expr;

    slice_expr(const value<Width> &expr) : expr(expr) {}
    slice_expr(const slice_expr &) = delete;

    CXXRTL_ALWAYS_INLINE operator value<bits>() const {
        value<bits> result;
        cut<Start>(expr, result);
        return result;
    }
    CXXRTL_ALWAYS_INLINE value<bits> val() const { return *this; }
};

template <size_t Width, size_t Stop, size_t Start>
struct slice_expr<value<Width>, Stop, Start>
    : public expr_base<slice_expr<value<Width>, Stop, Start>> {
    static constexpr size_t bits = Stop - Start + 1;
    value<Width> &expr;

    slice_expr(value<Width> &expr) : expr(expr) {}
    slice_expr(const slice_expr &) = delete;

    CXXRTL_ALWAYS_INLINE operator value<bits>() const {
        value<bits> result;
        cut<Start>(expr, result);
        return result;
    }
    CXXRTL_ALWAYS_INLINE value<bits> val() const { return *this; }
    CXXRTL_ALWAYS_INLINE slice_expr &operator=(const value<bits> &source) {
        constexpr size_t first = Start / 32, last = Stop / 32, shift = Start % 32;
        constexpr uint32_t below = (uint32_t(1) << shift) - 1;
        constexpr uint32_t above = ~(0xffffffffu >> (31 - Stop % 32));
        for (size_t n = first; n <= last; n++) {
            uint32_t kept = (n == first ? below : 0) | (n == last ? above : 0);
            uint32_t next = n - first < source.chunks ? source.data[n - first] << shift : 0;
            if (shift != 0 && n > first) next |= source.data[n - first - 1] >> (32 - shift) % 32;
            expr.data[n] = (expr.data[n] & kept) | next;
        }
        return *this;
    }
};

// Set the bits from Offset on; they must be 0.
template <size_t Offset, size_t Width, class T>
CXXRTL_ALWAYS_INLINE void put(value<Width> &word, const T &expr) {
    constexpr size_t first = Offset / 32, shift = Offset % 32;
    const value<T::bits> &bits = expr;
    for (size_t n = 0; n < bits.chunks; n++) {
        word.data[first + n] |= bits.data[n] << shift;
        if (shift != 0 && first + n + 1 < word.chunks)
            word.data[first + n + 1] |= bits.data[n] >> (32 - shift) % 32;
    }
}
template <size_t Offset, size_t Width, class T, class U>
CXXRTL_ALWAYS_INLINE void put(value<Width> &word, const concat_expr<T, U> &expr) {
    put<Offset + U::bits>(word, expr.ms_expr);
    put<Offset>(word, expr.ls_expr);
}

// Three and more parts: the first two are a concatenation themselves.
template <class T, class U, class V>
struct concat_expr<const concat_expr<T, U>, V>
    : public expr_base<concat_expr<const concat_expr<T, U>, V>> {
    static constexpr size_t bits = T::bits + U::bits + V::bits;
    const concat_expr<T, U> &ms_expr;
    V &ls_expr;

    concat_expr(const concat_expr<T, U> &ms_expr, V &ls_expr)
        : ms_expr(ms_expr), ls_expr(ls_expr) {}
    concat_expr(const concat_expr &) = delete;

    CXXRTL_ALWAYS_INLINE operator value<bits>() const {
        value<bits> result;
        put<0>(result, *this);
        return result;
    }
    CXXRTL_ALWAYS_INLINE value<bits> val() const { return *this; }
};

template <class T, class U, class V>
struct concat_expr<concat_expr<T, U>, V>
    : public expr_base<concat_expr<concat_expr<T, U>, V>> {
    static constexpr size_t bits = T::bits + U::bits + V::bits;
    concat_expr<T, U> &ms_expr;
    V &ls_expr;

    concat_expr(concat_expr<T, U> &ms_expr, V &ls_expr) : ms_expr(ms_expr), ls_expr(ls_expr) {}
    concat_expr(const concat_expr &) = delete;

    CXXRTL_ALWAYS_INLINE operator value<bits>() const {
        value<bits> result;
        put<0>(result, *this);
        return result;
    }
    CXXRTL_ALWAYS_INLINE value<bits> val() const { return *this; }
    CXXRTL_ALWAYS_INLINE concat_expr &operator=(const value<bits> &source) {
        ms_expr = source.template rtrunc<T::bits + U::bits>();
        ls_expr = source.template trunc<V::bits>();
        return *this;
    }
};

}  // namespace cxxrtl
