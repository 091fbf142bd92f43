using System.Diagnostics;
using System.Runtime.CompilerServices;
using Dtt.Tests;

namespace Dtt.Tui.Tests;

/// <summary>The program in a real terminal (tmux), with a real silo.</summary>
public sealed class TerminalTests : IDisposable
{
    private static readonly string _program = Repository.Built("Dtt.Tui", "dtt-tui.dll");

    private readonly TempFolder _folder = new();
    private readonly string _socket = $"dtt-test-{Environment.ProcessId}";

    public void Dispose()
    {
        _ = Run("tmux", "-L", _socket, "kill-server");
        _ = Run("env", $"DTT_HOME={_folder["home"]}", "dotnet", Repository.Built("Dtt.Cli", "dtt.dll"), "silo", "stop", "--force");
        _folder.Dispose();
    }

    [Fact]
    public void InTmux_ShowsRuns_Resizes_AndQuitsCleanly()
    {
        Assert.SkipUnless(Run("which", "tmux").Code == 0, "tmux is not installed.");
        Start();
        Press("?");
        WaitFor("in the playground");
        Press("Escape");
        WaitFor("no runs yet");
        foreach (var (width, height) in new[] { ("120", "36"), ("100", "36"), ("80", "24") })
        {
            _ = Run("tmux", "-L", _socket, "resize-window", "-x", width, "-y", height);
            WaitForScreen(s => s.StartsWith(" DTT") && s.Contains("no runs yet") && s.TrimEnd().Split('\n') is { } lines && lines.Length == int.Parse(height)
                && lines[^1].Contains("help"));
        }

        Press("q");
        WaitFor("left 0");
    }

    [Fact]
    public void CtrlC_QuitsFromEveryPage()
    {
        Assert.SkipUnless(Run("which", "tmux").Code == 0, "tmux is not installed.");
        Start();
        Press("?");
        WaitFor("in the playground");
        Press("C-c");
        WaitFor("left 0");
    }

    [Theory]
    [InlineData("")]
    [InlineData("trap '' HUP; ")] // as under nohup: only the end of its input tells
    public void TerminalThatIsLost_EndsTheProgram(string before)
    {
        Assert.SkipUnless(Run("which", "tmux").Code == 0, "tmux is not installed.");
        Start($"{before}echo $$ > {_folder["pid"]}; exec ");
        var pid = int.Parse(File.ReadAllText(_folder["pid"]));
        var server = int.Parse(Run("tmux", "-L", _socket, "display-message", "-p", "#{pid}").Output);
        Process.GetProcessById(server).Kill();
        Assert.True(SpinWait.SpinUntil(() => !Directory.Exists($"/proc/{pid}"), TimeSpan.FromMinutes(1)), "it lives on without its terminal.");
    }

    [Theory]
    [InlineData("INT", 130)]
    [InlineData("TERM", 143)]
    public void Signal_EndsTheProgramAndGivesTheScreenBack(string signal, int code)
    {
        Assert.SkipUnless(Run("which", "tmux").Code == 0, "tmux is not installed.");
        Start($"echo $$ > {_folder["pid"]}; exec ");
        _ = Run("kill", "-" + signal, File.ReadAllText(_folder["pid"]).Trim());
        WaitFor($"left {code}");
    }

    [Fact]
    public void ClusterThatIsNotThere_IsNamed()
    {
        Assert.SkipUnless(Run("which", "tmux").Code == 0, "tmux is not installed.");
        File.WriteAllText(_folder["start.sh"], $"dotnet {_program} --cluster {_folder["nobody"]}\necho \"left $?\"\nread x\n");
        Assert.Equal(0, Run("tmux", "-L", _socket, "new-session", "-d", "-x", "160", "-y", "24", $"sh {_folder["start.sh"]}").Code);
        WaitFor("left 2");
        WaitFor("no cluster is announced in");
    }

    [Fact]
    public void Arguments_ThatAreNone_AreRefused()
    {
        var (code, output) = Run("dotnet", _program, "--cluster");
        Assert.Equal(2, code);
        Assert.Contains("usage: dtt-tui [--cluster FOLDER]", output);
    }

    [Fact]
    public void WithoutATerminal_SaysWhatToUseInstead()
    {
        var (code, output) = Run("dotnet", _program);
        Assert.Equal(2, code);
        Assert.Contains("dtt runs --json", output);
    }

    /// <summary>Starts it, by a shell that does something before.</summary>
    private void Start(string before = "")
    {
        var environment = $"COLORTERM=truecolor TERM=xterm-256color DTT_HOME={_folder["home"]}";
        File.WriteAllText(_folder["start.sh"], $"{before}env {environment} dotnet {_program}\n");
        var command = $"sh {_folder["start.sh"]}; echo \"left $?\"; read x";
        Assert.Equal(0, Run("tmux", "-L", _socket, "new-session", "-d", "-x", "80", "-y", "24", command).Code);
        WaitFor("no runs yet");
    }

    private void Press(string key) => Assert.Equal(0, Run("tmux", "-L", _socket, "send-keys", key).Code);

    private void WaitFor(string text) => WaitForScreen(s => s.Contains(text), text);

    private void WaitForScreen(Func<string, bool> fits, [CallerArgumentExpression(nameof(fits))] string what = "")
    {
        var screen = "";
        bool Fits() => fits(screen = Run("tmux", "-L", _socket, "capture-pane", "-p").Output);
        Assert.True(SpinWait.SpinUntil(Fits, TimeSpan.FromMinutes(3)), $"no {what} on:\n{screen}");
    }

    private static (int Code, string Output) Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + error.Result);
    }
}
