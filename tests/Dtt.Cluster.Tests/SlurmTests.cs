using System.Diagnostics;
using Dtt.Tests;

namespace Dtt.Cluster.Tests;

/// <summary>
/// The sbatch scripts on a real Slurm of two nodes (<c>tests/slurm/box</c>), brought up for these tests; the cases are in <c>tests/slurm/run</c>.
/// </summary>
public sealed class SlurmTests(SlurmTests.Box box) : IClassFixture<SlurmTests.Box>
{
    [Theory]
    [InlineData("preflight")]
    [InlineData("faults")]
    [InlineData("silo")]
    [InlineData("train")]
    [InlineData("requeue")]
    public async Task Case_OfSlurm_Passes(string name)
    {
        Assert.SkipWhen(Box.Missing is not null, Box.Missing ?? "");
        var (code, output) = await box.RunAsync("run", name);
        Assert.True(code == 0, output);
    }

    /// <summary>The nodes.</summary>
    public sealed class Box : IAsyncLifetime
    {
        private readonly TempFolder _folder = new();

        /// <summary>Why there can be no Slurm, or null.</summary>
        public static string? Missing { get; } =
            !Environment.IsPrivilegedProcess ? "only root can make a Slurm of several nodes on one machine"
            : new[] { "slurmctld", "slurmd", "munged", "ip" }.FirstOrDefault(p => !IsInstalled(p)) is { } program
                ? $"{program} is not installed (apt-get install --no-install-recommends slurm-wlm munge iproute2)"
            : !Directory.Exists("/usr/lib/postgresql") ? "PostgreSQL is not installed (apt-get install postgresql)"
            : !CanMakeNodes() ? "this machine lets nobody make namespaces (`unshare`), which its nodes would live in" : null;

        public async ValueTask InitializeAsync()
        {
            if (Missing is not null) return;
            var (code, output) = await RunAsync("box", "up");
            Assert.True(code == 0, output);
        }

        public async ValueTask DisposeAsync()
        {
            if (Missing is null) await RunAsync("box", "down");
            _folder.Dispose();
        }

        /// <summary>A script of <c>tests/slurm</c>: its exit code and what it printed.</summary>
        public async Task<(int Code, string Output)> RunAsync(string script, string argument)
        {
            var start = new ProcessStartInfo("/bin/sh", ["-c", "exec \"$@\" 2>&1", "sh", Repository.At("tests", "slurm", script), argument])
            {
                RedirectStandardOutput = true,
            };
            start.Environment["BOX_FOLDER"] = _folder["box"];
            start.Environment["CONFIGURATION"] = new DirectoryInfo(AppContext.BaseDirectory).Name.Split('_')[0];
            using var process = Process.Start(start)!;
            var output = await process.StandardOutput.ReadToEndAsync();
            await process.WaitForExitAsync();
            return (process.ExitCode, output);
        }

        private static bool CanMakeNodes()
        {
            var make = new ProcessStartInfo("unshare", ["--net", "--uts", "--ipc", "--mount", "--pid", "--fork", "--mount-proc", "true"])
            {
                RedirectStandardError = true,
            };
            using var process = Process.Start(make)!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }

        private static bool IsInstalled(string program) =>
            new[] { "/usr/sbin", "/usr/bin", "/sbin", "/bin" }.Any(folder => File.Exists(Path.Combine(folder, program)));
    }
}
