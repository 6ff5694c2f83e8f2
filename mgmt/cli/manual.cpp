#include "mgmt/cli/manual.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

namespace amqmesh::cli {

namespace {

// Subcommands as they were added.
std::vector<const CLI::App*> commands_of(const CLI::App& app) {
    return app.get_subcommands([](const CLI::App*) { return true; });
}

// "--json -a --all-nodes": flags and options of a command.
std::string option_words(const CLI::App& command) {
    std::string words;
    for (const CLI::Option* option : command.get_options()) {
        for (const auto& name : option->get_snames()) {
            words += " -" + name;
        }
        for (const auto& name : option->get_lnames()) {
            words += " --" + name;
        }
    }
    return words.empty() ? words : words.substr(1);
}

// roff takes "-" as a hyphen and a leading "." or "'" as a request.
std::string roff(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool line_begins = i == 0 || text[i - 1] == '\n';
        if (line_begins && (text[i] == '.' || text[i] == '\'')) {
            out += "\\&";
        }
        if (text[i] == '\\') {
            out += "\\e";
        } else if (text[i] == '-') {
            out += "\\-";
        } else {
            out += text[i];
        }
    }
    return out;
}

bool takes_value(const CLI::Option& option) {
    return option.get_items_expected_max() > 0;
}

std::string option_heading(const CLI::Option& option) {
    std::string out;
    const auto add = [&](const std::string& name) { out += (out.empty() ? "" : ", ") + name; };
    for (const auto& name : option.get_snames()) {
        add("-" + name);
    }
    for (const auto& name : option.get_lnames()) {
        add("--" + name);
    }
    const bool positional = out.empty();
    if (positional) {
        return option.get_name(true);
    }
    return out + (takes_value(option) ? " VALUE" : "");
}

std::string option_text(const CLI::Option& option) {
    std::string text = option.get_description();
    if (!option.get_default_str().empty()) {
        text += fmt::format(" (default {})", option.get_default_str());
    }
    if (!option.get_envname().empty()) {
        text += fmt::format("; the environment variable {} sets it, too", option.get_envname());
    }
    return text + (option.get_required() ? " (required)." : ".");
}

void append_command(const CLI::App& command, std::string& out) {
    out += fmt::format(".SS {}\n{}.\n", roff(command.get_name()), roff(command.get_description()));
    // Commands inherit the program's footer, whose words stand in sections of the page.
    const CLI::App* parent = command.get_parent();
    if (!command.get_footer().empty() &&
        (parent == nullptr || command.get_footer() != parent->get_footer())) {
        out += fmt::format(".PP\n{}\n", roff(command.get_footer()));
    }
    for (const CLI::Option* option : command.get_options()) {
        out += fmt::format(
            ".TP\n.B {}\n{}\n", roff(option_heading(*option)), roff(option_text(*option)));
    }
}

}  // namespace

std::string bash_completion(const CLI::App& app) {
    std::string names;
    std::string cases;
    for (const CLI::App* command : commands_of(app)) {
        names += (names.empty() ? "" : " ") + command->get_name();
        cases += fmt::format(
            "        {}) words=\"{}\" ;;\n", command->get_name(), option_words(*command));
    }
    return fmt::format(
        "# Completion of amqmesh for bash: source <(amqmesh completion bash)\n"
        "_amqmesh() {{\n"
        "    local words=\"\" current=\"${{COMP_WORDS[COMP_CWORD]}}\"\n"
        "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
        "        COMPREPLY=($(compgen -W \"{} {}\" -- \"$current\"))\n"
        "        return\n"
        "    fi\n"
        "    case \"${{COMP_WORDS[1]}}\" in\n"
        "{}"
        "    esac\n"
        "    if [ \"${{COMP_WORDS[1]}}\" = completion ] && [ \"$COMP_CWORD\" -eq 2 ]; then\n"
        "        words=bash\n"
        "    fi\n"
        "    if [ \"${{COMP_WORDS[1]}}\" = check-config ] && [[ \"$current\" != -* ]]; then\n"
        "        COMPREPLY=($(compgen -f -- \"$current\"))\n"
        "        return\n"
        "    fi\n"
        "    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
        "}}\n"
        "complete -F _amqmesh amqmesh\n",
        names,
        option_words(app),
        cases);
}

std::string man_page(const CLI::App& app) {
    std::string out = fmt::format(
        ".TH AMQMESH 1 \"\" \"amqmesh {}\" \"Amqmesh\"\n"
        ".SH NAME\namqmesh \\- {}\n"
        ".SH SYNOPSIS\n.B amqmesh\nCOMMAND [OPTIONS]\n"
        ".SH COMMANDS\n",
        AMQMESH_VERSION,
        roff("looks into a mesh of AMQP routers and sends messages through it"));
    for (const CLI::App* command : commands_of(app)) {
        append_command(*command, out);
    }
    out +=
        ".SH EXIT STATUS\n"
        ".TP\n0\nThe command did what it was asked.\n"
        ".TP\n1\nThe operation failed.\n"
        ".TP\n2\nThe command line is wrong.\n"
        ".TP\n3\nThere is no connection to the node.\n"
        ".SH SEE ALSO\namqmeshd(8)\n";
    return out;
}

}  // namespace amqmesh::cli
