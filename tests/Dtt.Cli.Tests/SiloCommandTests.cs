using Dtt.Tests;

namespace Dtt.Cli.Tests;

/// <summary><c>dtt silo</c> where no silo of this machine runs.</summary>
public sealed class SiloCommandTests
{
    [Fact]
    public async Task Status_BesideACluster_SendsToItsNodes()
    {
        using var folder = new TempFolder();
        var (dtt, announced) = (new DttProgram(folder.Path), folder[".dtt/cluster/a.json"]);
        Assert.Contains("the next command that needs one starts it", await dtt.OutputAsync("silo", "status"));
        folder.Write(".dtt/cluster/a.json", "{}");
        Assert.Contains($"none is started beside the cluster in {Path.GetDirectoryName(announced)}: `dtt nodes` shows its nodes",
            await dtt.OutputAsync("silo", "status"));
    }
}
