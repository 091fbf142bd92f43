using System.CommandLine;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt completion SHELL</c>: the script that makes a shell complete dtt's commands.</summary>
internal static class CompletionCommand
{
    private const string Bash = """
        _dtt_complete() {
          local IFS=$'\n'
          COMPREPLY=($(compgen -W "$("${COMP_WORDS[0]}" "[suggest:$COMP_POINT]" "$COMP_LINE" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
        }
        complete -o default -F _dtt_complete dtt ./dtt
        """;

    private const string Zsh = """
        _dtt_complete() {
          local -a found
          found=("${(@f)$("${words[1]}" "[suggest:$CURSOR]" "$BUFFER" 2>/dev/null)}")
          compadd -- "${found[@]}" || _files
        }
        compdef _dtt_complete dtt ./dtt
        """;

    private const string Fish = """
        function __dtt_complete
          set -l line (commandline -cp)
          dtt "[suggest:"(string length -- $line)"]" "$line" 2>/dev/null
        end
        complete -c dtt -a '(__dtt_complete)'
        """;

    public static Command Create()
    {
        var shell = new Argument<string>("SHELL") { Description = "bash, zsh or fish." };
        shell.AcceptOnlyFromAmong("bash", "zsh", "fish");
        var command = new Command("completion", "Print the completion script for a shell; in bash: source <(dtt completion bash)") { shell };
        command.SetAction(result => Console.Out.WriteLine(result.GetValue(shell) switch { "bash" => Bash, "zsh" => Zsh, _ => Fish }));
        return command;
    }
}
