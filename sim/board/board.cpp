// A whole board, behind its serial line: takes bytes and gives bytes, both bit by bit on its pins.

#include <cstddef>
#include <cstdint>
#include <deque>

#include "core.cc"

namespace {

using Top = cxxrtl_design::p_hwgen__uart;

class Board {
public:
    explicit Board(uint64_t divisor) : divisor_(divisor) {
        top_.p_rx.set<bool>(true);
        top_.p_rst.set<bool>(true);
        cycle();
        top_.p_rst.set<bool>(false);
    }

    void give(uint8_t byte) { coming_.push_back(byte); }
    bool is_receiving() const { return n_in_ || !coming_.empty(); }
    // Up to so many cycles; stops when a byte has come out, which it gives, else -1.
    int run(uint64_t n_cycles) {
        for (; n_cycles; --n_cycles) {
            drive();
            cycle();
            if (listen()) return frame_ >> 1 & 0xFF;
        }
        return -1;
    }

private:
    void cycle() {
        top_.p_clk.set<bool>(false);
        top_.step();
        top_.p_clk.set<bool>(true);
        top_.step();
    }
    // The level of `rx`: a start bit, eight bits, a stop bit, each for `divisor_` cycles.
    void drive() {
        if (!n_in_ && !coming_.empty()) {
            sent_ = 0x200u | uint32_t(coming_.front()) << 1;
            coming_.pop_front();
            n_in_ = 10 * divisor_;
        }
        top_.p_rx.set<bool>(!n_in_ || sent_ >> ((10 * divisor_ - n_in_) / divisor_) & 1);
        if (n_in_) --n_in_;
    }
    // Whether a byte is whole. Each bit of `tx` is looked at in its middle.
    bool listen() {
        bool level = top_.p_tx.get<bool>();
        if (!n_out_ && !level) n_out_ = 10 * divisor_;
        if (!n_out_) return false;
        uint64_t at = 10 * divisor_ - n_out_--;
        if (at % divisor_ == divisor_ / 2) frame_ = frame_ >> 1 | uint32_t(level) << 9;
        return at == 9 * divisor_ + divisor_ / 2 && level;
    }

    Top top_;
    uint64_t divisor_, n_in_ = 0, n_out_ = 0;  // cycles left of the byte that comes in, goes out
    uint32_t sent_ = 0, frame_ = 0;
    std::deque<uint8_t> coming_;
};

}  // namespace

extern "C" {
void *hwgen_board_new(uint64_t divisor) { return new Board(divisor); }
void hwgen_board_free(void *board) { delete static_cast<Board *>(board); }
void hwgen_board_give(void *board, const uint8_t *data, size_t n) {
    for (size_t i = 0; i < n; ++i) static_cast<Board *>(board)->give(data[i]);
}
int hwgen_board_run(void *board, uint64_t n_cycles) {
    return static_cast<Board *>(board)->run(n_cycles);
}
}
