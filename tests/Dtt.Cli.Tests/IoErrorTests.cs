using System.Diagnostics;
using System.Globalization;
using Dtt.Tests;

namespace Dtt.Cli.Tests;

/// <summary>
/// A disk that fails: in every thread of the command, the silo and the rank the n-th call of one kind ends with EIO (<c>strace</c> injects it), so it hits the
/// database, a checkpoint or a log. What was asked may fail in words; nothing is lost, and the run ends with the weights of one that nothing disturbed.
/// </summary>
public sealed class IoErrorTests(TinyProject project) : IClassFixture<TinyProject>
{
    [Theory]
    [InlineData("fsync", 6)]
    [InlineData("fsync", 1)]
    [InlineData("fsync", 2)]
    [InlineData("fsync", 10)]
    [InlineData("pwrite64", 10)]
    [InlineData("pwrite64", 3)]
    [InlineData("write", 50)]
    public async Task CallThatFails_LosesNothing(string call, int n)
    {
        if ((call, n) != ("fsync", 6)) LongTests.Only();
        Assert.SkipUnless(await CanInjectAsync(), "strace is not installed or not allowed here.");
        var run = string.Create(CultureInfo.InvariantCulture, $"{call}-{n}");
        var (home, log) = (Path.Combine(project.Path, $".home-{run}"), Path.Combine(project.Path, $"{run}.strace"));
        string[] inject = ["strace", "--seccomp-bpf", "-f", "-o", log, "-e", $"trace={call}", "-e", $"inject={call}:error=EIO:when={n}"];
        // strace ends with the last process that it follows, so the silo is stopped by the same shell.
        string[] within = [.. inject, "sh", "-c", "\"$@\"; code=$?; \"$1\" \"$2\" silo stop --force > /dev/null 2>&1; exit $code", "sh"];
        var failing = await new DttProgram(project.Path, home, within: within).RunAsync("train", "-n", run);
        Assert.Contains("(INJECTED)", await File.ReadAllTextAsync(log));
        Assert.DoesNotContain("this is a bug", failing.Error);
        if (failing.ExitCode != 0) Assert.Matches("disk I/O error|Input/output error", failing.Error);

        var dtt = new DttProgram(project.Path, home);
        try
        {
            var again = await dtt.RunAsync("train", "-n", run);
            if (again.ExitCode != 0) await dtt.OutputAsync("resume", run);
            await project.CheckUndisturbedAsync(run, dtt);
        }
        finally
        {
            await dtt.EndSiloAsync();
        }
    }

    private static async Task<bool> CanInjectAsync()
    {
        try
        {
            var start = new ProcessStartInfo("strace", ["--seccomp-bpf", "-f", "-o", "/dev/null", "true"]) { RedirectStandardError = true };
            using var process = Process.Start(start)!;
            await process.WaitForExitAsync();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
