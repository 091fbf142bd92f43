using System.Diagnostics;
using Dtt.Tests;

namespace Dtt.Tui.Tests;

/// <summary>The program in a real terminal (tmux), with a real silo.</summary>
public sealed class TerminalTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly string _socket = $"dtt-test-{Environment.ProcessId}";

    public void Dispose()
    {
        _ = Run("tmux", "-L", _socket, "kill-server");
        _ = Run("env", $"DTT_HOME={_folder["home"]}", "dotnet", Built("Dtt.Cli", "dtt.dll"), "silo", "stop", "--force");
        _folder.Dispose();
    }

    [Fact]
    public void InTmux_ShowsRuns_Resizes_AndQuitsCleanly()
    {
        Assert.SkipUnless(Run("which", "tmux").Code == 0, "tmux is not installed.");
        Start();
        Press("?");
        WaitFor("in the playground");
        _ = Run("tmux", "-L", _socket, "resize-window", "-x", "120", "-y", "36");
        Press("Escape");
        WaitFor("no runs yet");
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

    [Fact]
    public void WithoutATerminal_SaysWhatToUseInstead()
    {
        var (code, output) = Run("dotnet", Built("Dtt.Tui", "dtt-tui.dll"));
        Assert.Equal(2, code);
        Assert.Contains("dtt runs --json", output);
    }

    private static string Built(string project, string file) =>
        Repository.At("artifacts", "bin", project, new DirectoryInfo(AppContext.BaseDirectory).Name, file);

    private void Start()
    {
        var environment = $"COLORTERM=truecolor TERM=xterm-256color DTT_HOME={_folder["home"]}";
        var command = $"env {environment} dotnet {Built("Dtt.Tui", "dtt-tui.dll")}; echo \"left $?\"; read x";
        Assert.Equal(0, Run("tmux", "-L", _socket, "new-session", "-d", "-x", "80", "-y", "24", command).Code);
        WaitFor("no runs yet");
    }

    private void Press(string key) => Assert.Equal(0, Run("tmux", "-L", _socket, "send-keys", key).Code);

    private void WaitFor(string text)
    {
        var screen = "";
        bool Shows() => (screen = Run("tmux", "-L", _socket, "capture-pane", "-p").Output).Contains(text);
        Assert.True(SpinWait.SpinUntil(Shows, TimeSpan.FromMinutes(3)), $"no '{text}' on:\n{screen}");
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
