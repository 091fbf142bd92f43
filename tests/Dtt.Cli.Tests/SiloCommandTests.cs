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

    [Fact]
    public async Task HomeOfSlurmJobs_NamesTheJobThatIsToServeIt_InEveryCommand()
    {
        using var folder = new TempFolder();
        var dtt = new DttProgram(folder.Path);
        folder.Write(".dtt/postgres/data/PG_VERSION", "17\n");
        var none = await dtt.RunAsync("runs");
        Assert.Equal(75, none.ExitCode);
        Assert.Contains("no job serves it now. Submit one (`sbatch sbatch/silo.sh`)", none.Error);

        folder.Write(".dtt/postgres/owner", "job 41 life 2 on n7\n");
        const string Named = "Job 41 is to: it comes up, ends, or waits for its next life; see `squeue -j 41`";
        Assert.Contains(Named, (await dtt.RunAsync("runs")).Error);
        Assert.Contains(Named, await dtt.OutputAsync("silo", "status"));
        var doctor = await dtt.RunAsync("doctor");
        Assert.Equal(1, doctor.ExitCode);
        Assert.Contains(Named, doctor.Output);
        Assert.Contains("that of the Slurm jobs of this home", doctor.Output);
        Assert.Contains("slurmlogs/JOB/life-N/silo-NODE.log", (await dtt.RunAsync("silo", "logs")).Error);
    }
}
