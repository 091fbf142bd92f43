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

    private static int ChildOf(int process) =>
        int.TryParse(File.ReadAllText($"/proc/{process}/task/{process}/children").Trim(), out var child) ? child : 0;
}
