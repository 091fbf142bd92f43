using System.Diagnostics;
using Dtt.Silo.Ranks;
using Dtt.Tests;

namespace Dtt.Silo.Tests.Ranks;

public sealed class OwnerSweepTests
{
    [Fact]
    public async Task Find_RankOfAContainer_IsLeftAlone()
    {
        // No process has this id here. In the container one might.
        var start = new ProcessStartInfo("unshare", ["--pid", "--fork", "--kill-child", "env", $"{OwnerSweep.Variable}=2000000000:1", "sleep", "300"]);
        using var outside = Process.Start(start)!;
        try
        {
            var rank = 0;
            await Wait.ForAsync("the rank or of the refusal", () => outside.HasExited || (rank = ChildOf(outside.Id)) != 0);
            Assert.SkipWhen(outside.HasExited, "this machine lets nobody make namespaces (`unshare`)");
            await Wait.ForAsync("its owner", () => File.ReadAllText($"/proc/{rank}/environ").Contains($"{OwnerSweep.Variable}=", StringComparison.Ordinal));
            Assert.DoesNotContain(rank, OwnerSweep.Find());
        }
        finally
        {
            if (!outside.HasExited) outside.Kill();
        }
    }

    [Fact]
    public async Task Run_RankThatStaysAfterItWasKilled_IsNotWaitedForForEver()
    {
        // Its parent takes no note of its end, so it stays a process, as one does that the kernel holds.
        using var parent = Process.Start("/bin/sh", ["-c", $"{OwnerSweep.Variable}=2000000000:1 sleep 300 & exec sleep 300"]);
        try
        {
            var rank = 0;
            await Wait.ForAsync("the rank", () => (rank = ChildOf(parent.Id)) != 0);
            await Wait.ForAsync("both programs", () => new[] { rank, parent.Id }.All(p => File.ReadAllText($"/proc/{p}/comm") == "sleep\n"));
            Assert.Contains(rank, await Task.Run(() => OwnerSweep.Run(TimeSpan.FromSeconds(0.1))).WaitAsync(TimeSpan.FromMinutes(1)));
            Assert.True(Directory.Exists($"/proc/{rank}"));
        }
        finally
        {
            parent.Kill();
        }
    }

    private static int ChildOf(int process) =>
        int.TryParse(File.ReadAllText($"/proc/{process}/task/{process}/children").Trim(), out var child) ? child : 0;
}
