#include "tests/sim/histogram.h"

#include "tests/sim/experiment.h"

#include <algorithm>
#include <cstdio>

namespace amqmesh::sim {

namespace {

constexpr int kWidth = 640;
constexpr int kPanel = 200;
constexpr int kTop = 40;
constexpr int kLeft = 50;
constexpr int kPlotHeight = 120;
constexpr std::size_t kBins = 30;

std::string text(int x, int y, const std::string& content, const char* anchor = "start") {
    return "<text x='" + std::to_string(x) + "' y='" + std::to_string(y) + "' text-anchor='" +
           anchor + "'>" + content + "</text>\n";
}

std::string milliseconds(routing::Time time) {
    char buffer[32];
    std::snprintf(buffer, sizeof buffer, "%.1f ms", static_cast<double>(time) / 1000.0);
    return buffer;
}

std::string escaped(const std::string& raw) {
    std::string out;
    for (const char c : raw) {
        if (c == '<' || c == '&') {
            out += c == '<' ? "&lt;" : "&amp;";
        } else {
            out += c;
        }
    }
    return out;
}

std::string panel(const Series& series, int top) {
    std::string out = text(kLeft,
                           top + 16,
                           escaped(series.name) + ": n=" + std::to_string(series.values.size()) +
                               ", p50 " + milliseconds(percentile(series.values, 0.5)) + ", p99 " +
                               milliseconds(percentile(series.values, 0.99)) + ", max " +
                               milliseconds(percentile(series.values, 1.0)));
    if (series.values.empty()) {
        return out;
    }
    const routing::Time high = *std::max_element(series.values.begin(), series.values.end());
    std::vector<std::size_t> bins(kBins, 0);
    for (const routing::Time value : series.values) {
        ++bins[std::min<std::size_t>(kBins - 1, value * kBins / (high + 1))];
    }
    const std::size_t tallest = *std::max_element(bins.begin(), bins.end());
    const int base = top + 30 + kPlotHeight;
    const int step = (kWidth - kLeft - 20) / static_cast<int>(kBins);
    for (std::size_t i = 0; i < kBins; ++i) {
        const int height =
            static_cast<int>(bins[i] * static_cast<std::size_t>(kPlotHeight) / tallest);
        out += "<rect x='" + std::to_string(kLeft + static_cast<int>(i) * step) + "' y='" +
               std::to_string(base - height) + "' width='" + std::to_string(step - 2) +
               "' height='" + std::to_string(height) + "' fill='#3b6ea5'/>\n";
    }
    const int right = kLeft + step * static_cast<int>(kBins);
    out += "<line x1='" + std::to_string(kLeft) + "' y1='" + std::to_string(base) + "' x2='" +
           std::to_string(right) + "' y2='" + std::to_string(base) + "' stroke='black'/>\n";
    out += text(kLeft, base + 14, "0");
    out += text(right, base + 14, milliseconds(high), "end");
    out += text(kLeft - 6, base - kPlotHeight + 10, std::to_string(tallest), "end");
    return out;
}

}  // namespace

std::string histogram_svg(const std::string& title, const std::vector<Series>& series) {
    const int height = kTop + kPanel * static_cast<int>(series.size());
    std::string out = "<svg xmlns='http://www.w3.org/2000/svg' width='" + std::to_string(kWidth) +
                      "' height='" + std::to_string(height) +
                      "' font-family='sans-serif' font-size='12'>\n"
                      "<rect width='100%' height='100%' fill='white'/>\n";
    out += text(kLeft, 24, escaped(title));
    int top = kTop;
    for (const Series& each : series) {
        out += panel(each, top);
        top += kPanel;
    }
    return out + "</svg>\n";
}

}  // namespace amqmesh::sim
