using System.CommandLine;
using Dtt.Abstractions.Configuration;

namespace Dtt.Cli.Commands;

/// <summary>A command that brings a dataset one stage further.</summary>
internal static class StageCommand
{
    public static Command Create(string name, string description, bool tokenizer, Action<LoadedConfig, DatasetConfig> run)
    {
        var command = new Command(name, description);
        var options = new ConfigOptions(command, tokenizer, training: false);
        var dryRun = new Option<bool>("--dry-run") { Description = "Check the configuration, do nothing." };
        command.Add(dryRun);
        command.SetAction(result =>
        {
            var config = options.Load(result);
            var dataset = ConfigLoader.LoadDataset(config);
            if (!result.GetValue(dryRun)) run(config, dataset);
        });
        return command;
    }
}
